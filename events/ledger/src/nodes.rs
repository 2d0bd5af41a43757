//! The hashes that a tree consists of, as far as they are stored: nodes over 256 leaves, over
//! 65,536 and so on. What lies between is computed from the nodes below, and what lies below all
//! nodes from the events: at most 256 of them a read.

use std::collections::BTreeMap;

use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;

use crate::error::{Divergence, LedgerError};
use crate::leaf::Leaf;
use crate::tree::{Frontier, Hash, Subtree, join, root_of, subtrees};

const READ_NODES: &str = include_str!("sql/read_nodes.sql");

/// Every so many levels nodes are stored.
pub(crate) const LEVELS: u8 = 8;
/// Levels that 63 bits of leaves can have stored nodes on.
const STORED_MAX: u8 = 56;

/// Leaves that are read at once where many are.
const LEAVES_MAX: u64 = 10_000;

/// A stretch of what is stored on one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    start: u64,
    end: u64,
}

/// Which of the stored levels, and which 256 of it.
type Page = (u8, u64);

/// What one account's tree is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nodes<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) account: &'a str,
}

impl Nodes<'_> {
    /// The roots of these complete subtrees.
    pub(crate) async fn hashes(&self, wanted: &[Subtree]) -> Result<Vec<Hash>, LedgerError> {
        let mut pages: BTreeMap<Page, Stretch> = BTreeMap::new();
        for (page, part) in wanted.iter().map(|subtree| stored(*subtree)) {
            let whole = pages.entry(page).or_insert(part);
            whole.start = whole.start.min(part.start);
            whole.end = whole.end.max(part.end);
        }
        let mut read = BTreeMap::new();
        for (page, stretch) in pages {
            let hashes = match page.0 {
                0 => self.leaves(stretch).await?,
                level => self.nodes(level, stretch).await?,
            };
            read.insert(page, (stretch.start, hashes));
        }
        let hash = |subtree: &Subtree| {
            let (page, part) = stored(*subtree);
            let (start, hashes) = &read[&page];
            root_of(&hashes[index(part.start - start)..index(part.end - start)])
        };
        Ok(wanted.iter().map(hash).collect())
    }

    /// The frontier of the tree when it had this size.
    pub(crate) async fn frontier(&self, size: u64) -> Result<Frontier, LedgerError> {
        let hashes = self.hashes(&subtrees(0..size)).await?;
        Ok(Frontier::from_parts(size, hashes).expect("a subtree for each bit that is set"))
    }

    /// The root of the tree when it had this size.
    pub(crate) async fn root(&self, size: u64) -> Result<Hash, LedgerError> {
        Ok(join(&self.hashes(&subtrees(0..size)).await?))
    }

    /// The frontier of the tree as it is with more events, which are all read: after a loss, and
    /// when the ledger is built once more.
    pub(crate) async fn grown(
        &self,
        frontier: &Frontier,
        size: u64,
    ) -> Result<Frontier, LedgerError> {
        let mut grown = frontier.clone();
        while grown.size() < size {
            let end = size.min(grown.size() + LEAVES_MAX);
            let stretch = Stretch { start: grown.size(), end };
            self.leaves(stretch).await?.into_iter().for_each(|leaf| grown.push(leaf));
        }
        Ok(grown)
    }

    async fn leaves(&self, stretch: Stretch) -> Result<Vec<Hash>, LedgerError> {
        let Stretch { start, end } = stretch;
        let placed = baton_log::leaves(self.pool, self.account, count(start), count(end)).await?;
        let hashes = placed.into_iter().map(|placed| Leaf::from(placed).hash()).collect();
        self.all(hashes, stretch, end)
    }

    async fn nodes(&self, level: u8, stretch: Stretch) -> Result<Vec<Hash>, LedgerError> {
        let Stretch { start, end } = stretch;
        let client = self.pool.get().await.map_err(LedgerError::Pool)?;
        let statement = client.prepare_cached(READ_NODES).await?;
        let parameters: [&(dyn ToSql + Sync); 4] =
            [&self.account, &i16::from(level), &count(start), &count(end)];
        let rows = client.query(&statement, &parameters).await?;
        let hash = |row: &tokio_postgres::Row| hash_of(row, "hash");
        let hashes = rows.iter().map(hash).collect::<Result<_, _>>()?;
        self.all(hashes, stretch, end << level)
    }

    /// The hashes, if they are as many as are wanted.
    fn all(
        &self,
        hashes: Vec<Hash>,
        stretch: Stretch,
        size: u64,
    ) -> Result<Vec<Hash>, LedgerError> {
        if hashes.len() == index(stretch.end - stretch.start) {
            return Ok(hashes);
        }
        Err(Divergence::Missing { account: self.account.to_owned(), size }.into())
    }
}

/// Where the hashes are stored that a subtree is made of.
fn stored(subtree: Subtree) -> (Page, Stretch) {
    let level = (subtree.level / LEVELS * LEVELS).min(STORED_MAX);
    let height = subtree.level - level;
    let start = subtree.index << height;
    ((level, start >> LEVELS), Stretch { start, end: start + (1_u64 << height) })
}

/// A 32 byte column; the schema's CHECK makes any other length impossible.
pub(crate) fn hash_of(
    row: &tokio_postgres::Row,
    column: &str,
) -> Result<Hash, tokio_postgres::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(bytes.try_into().expect("the schema checks the length of hashes"))
}

/// A size as the database counts.
pub(crate) fn count(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// A number that is stored, as sizes are counted.
pub(crate) fn size(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn index(at: u64) -> usize {
    usize::try_from(at).expect("no more than a page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_is_made_of_what_is_stored_below_it() {
        let shown = |level, index| {
            let (page, stretch) = stored(Subtree { level, index });
            (page, stretch.start, stretch.end)
        };
        assert_eq!(shown(0, 300), ((0, 1), 300, 301));
        assert_eq!(shown(7, 3), ((0, 1), 384, 512));
        assert_eq!(shown(8, 3), ((8, 0), 3, 4));
        assert_eq!(shown(10, 64), ((8, 1), 256, 260));
        assert_eq!(shown(17, 1), ((16, 0), 2, 4));
    }
}
