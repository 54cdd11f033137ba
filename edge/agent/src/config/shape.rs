//! What texts and numbers of a station file look like to an editor.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Declares a type that stands for a value in the schema and nowhere else.
macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident $schema:tt)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

shapes! {
    /// A node's name.
    Node {
        "type": "string",
        "minLength": 1,
        "maxLength": 32,
        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"
    }
    /// A channel's name: RFC 8428 §4.5.1.
    Channel {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": "^[A-Za-z0-9][-A-Za-z0-9:./_]*$"
    }
    /// Where a broker listens.
    Broker {
        "type": "string",
        "pattern": "^mqtts?://"
    }
    /// A decimal number, as such or as a text.
    Number {
        "type": ["number", "string"],
        "pattern": "^[-+]?[0-9]+([.][0-9]+)?$"
    }
}
