//! Fields of a state that a command may set, each declared once: how it is asked for and recorded,
//! compared with the state, set in it, and named.
//!
//! Must not: know a state.

/// Declares the type of such fields. `own` are members of it that are no fields of the state, or
/// are not set as they are: the methods made here leave them alone.
macro_rules! fields_of {
    (
        $state:ident as $name:ident
        plain { $($(#[$pdoc:meta])* $plain:ident: $pty:ty,)* }
        nullable { $($(#[$ndoc:meta])* $nullable:ident: $nty:ty,)* }
        own { $($(#[$odoc:meta])* $own:ident: $oty:ty,)* }
    ) => {
        /// Fields to set; what is `None` stays as it is. In an event: what was decided.
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[$pdoc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $plain: Option<$pty>,
            )*
            $(
                $(#[$ndoc])*
                #[serde(
                    skip_serializing_if = "Option::is_none",
                    deserialize_with = "crate::json::settable::deserialize"
                )]
                pub $nullable: Option<Option<$nty>>,
            )*
            $(
                $(#[$odoc])*
                pub $own: $oty,
            )*
        }

        impl $name {
            /// Drops what would set a field to the value it has.
            pub(crate) fn drop_known(&mut self, state: &$state) {
                $(self.$plain.take_if(|value| *value == state.$plain);)*
                $(self.$nullable.take_if(|value| *value == state.$nullable);)*
            }

            /// Moves what is set into the state.
            pub(crate) fn set_in(&mut self, state: &mut $state) {
                $(if let Some(value) = self.$plain.take() { state.$plain = value; })*
                $(if let Some(value) = self.$nullable.take() { state.$nullable = value; })*
            }

            /// The names of the fields set.
            pub(crate) fn names_set(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$plain.is_some() { names.push(stringify!($plain)); })*
                $(if self.$nullable.is_some() { names.push(stringify!($nullable)); })*
                names
            }
        }
    };
}

pub(crate) use fields_of;
