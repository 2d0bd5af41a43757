//! Windows into lists (protocol 0.7): `limit` and `offset` in, arrays and page objects out.
//!
//! It must not count or fetch: the caller says what it found.

use serde::Serialize;

/// Default and largest `limit` of one list.
#[derive(Debug, Clone, Copy)]
pub struct WindowRule {
    /// When `limit` is left out.
    pub limit_default: i64,
    /// The largest `limit`; a larger one gives 422.
    pub limit_max: i64,
}

/// The largest `offset` of any list; a longer walk is better done by narrower filters.
pub const OFFSET_MAX: i64 = 10_000;

/// `GET /tasks`.
pub const TASKS: WindowRule = WindowRule { limit_default: 500, limit_max: 1_000 };

/// `GET /epics`.
pub const EPICS: WindowRule = WindowRule { limit_default: 50, limit_max: 200 };

/// `GET /webhooks/{id}/deliveries`. The protocol names no maximum.
pub const DELIVERIES: WindowRule = WindowRule { limit_default: 20, limit_max: 100 };

/// `GET /tasks/{id}/context/history`.
pub const CONTEXT_HISTORY: WindowRule = WindowRule { limit_default: 100, limit_max: 100 };

/// The part of a list that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The most items.
    pub limit: i64,
    /// Items to skip.
    pub offset: i64,
}

impl Window {
    /// One more than asked for: fetching it tells whether the list goes on, without a count.
    pub fn limit_and_one(self) -> i64 {
        self.limit + 1
    }

    /// Cuts what was fetched with [`Window::limit_and_one`]; true when the list goes on.
    pub fn cut<T>(self, items: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let goes_on = items.len() > limit;
        items.truncate(limit);
        goes_on
    }
}

/// The page object of `include=pagination` and of epic lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// All items, over all pages.
    pub total: i64,
    /// The limit used.
    pub limit: i64,
    /// The offset used.
    pub offset: i64,
    /// True when items follow this page.
    pub has_more: bool,
    /// Where the next page starts; null on the last one.
    pub next_offset: Option<i64>,
}

impl<T> Page<T> {
    /// The page that `window` shows of a list of `total` items.
    pub fn new(items: Vec<T>, total: i64, window: Window) -> Self {
        let after = window.offset + i64::try_from(items.len()).unwrap_or(i64::MAX);
        // An empty page past the end must not send its reader back to itself.
        let has_more = after < total && !items.is_empty();
        Self {
            items,
            total,
            limit: window.limit,
            offset: window.offset,
            has_more,
            next_offset: has_more.then_some(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_list_of_five() {
        let rows = [
            (0, 2, 2, true, Some(2)),
            (2, 2, 2, true, Some(4)),
            (4, 2, 1, false, None),
            (0, 5, 5, false, None),
            (0, 9, 5, false, None),
            (7, 2, 0, false, None),
        ];
        for (offset, limit, count, has_more, next_offset) in rows {
            let page = Page::new(vec![(); count], 5, Window { limit, offset });
            assert_eq!((page.has_more, page.next_offset), (has_more, next_offset), "{offset}");
            assert_eq!((page.total, page.limit, page.offset), (5, limit, offset));
        }
    }

    #[test]
    fn the_one_too_many_is_cut() {
        for (fetched, kept, goes_on) in [(0, 0, false), (2, 2, false), (3, 2, true)] {
            let window = Window { limit: 2, offset: 0 };
            let mut items = vec![(); fetched];
            assert_eq!(window.cut(&mut items), goes_on);
            assert_eq!(items.len(), kept);
            assert_eq!(window.limit_and_one(), 3);
        }
    }
}
