//! What a type made of named fields is, and the macro that makes one from a list of fields.
//!
//! `?` marks a field that may be absent, `=` one with a default.

use bumpalo::Bump;
use serde_json::{Map, Value as Json, json};

use crate::content::Content;
use crate::json::cursor::Cursor;
use crate::json::tree::Node;
use crate::json::write_str;
use crate::values::{Fault, Field, Path};

/// Among the bits of fields seen: that of `type`.
pub(super) const TYPE: u32 = 1 << 31;

/// How a field may be absent, and how its slot becomes its value.
macro_rules! field_ty {
    ($ty:ty;) => { $ty };
    ($ty:ty; ?) => { Option<$ty> };
    ($ty:ty; = $default:expr) => { $ty };
}

macro_rules! quick_value {
    ($slot:ident;) => {
        $slot?
    };
    ($slot:ident; ?) => {
        $slot
    };
    ($slot:ident; = $default:expr) => {
        match $slot {
            Some(value) => value,
            None => $default,
        }
    };
}

macro_rules! careful_value {
    ($ty:ty, $found:expr, $path:expr, $arena:expr;) => {
        match $found {
            Some(node) => <$ty>::careful(node, &$path, $arena)?,
            None => return Err(Fault::missing(&$path, &<$ty>::expected())),
        }
    };
    ($ty:ty, $found:expr, $path:expr, $arena:expr; ?) => {
        match $found {
            Some(node) => Some(<$ty>::careful(node, &$path, $arena)?),
            None => None,
        }
    };
    ($ty:ty, $found:expr, $path:expr, $arena:expr; = $default:expr) => {
        match $found {
            Some(node) => <$ty>::careful(node, &$path, $arena)?,
            None => $default,
        }
    };
}

macro_rules! feed_value {
    ($value:expr, $content:expr;) => {
        $value.feed($content)
    };
    ($value:expr, $content:expr; ?) => {{
        $content.present($value.is_some());
        if let Some(value) = &$value {
            value.feed($content);
        }
    }};
    ($value:expr, $content:expr; = $default:expr) => {
        $value.feed($content)
    };
}

macro_rules! write_value {
    ($name:expr, $value:expr, $out:expr;) => {
        write_field($name, &$value, $out)
    };
    ($name:expr, $value:expr, $out:expr; ?) => {
        if let Some(value) = &$value {
            write_field($name, value, $out);
        }
    };
    ($name:expr, $value:expr, $out:expr; = $default:expr) => {
        write_field($name, &$value, $out)
    };
}

macro_rules! required {
    () => {
        true
    };
    (?) => {
        false
    };
    (= $default:expr) => {
        false
    };
}

pub(crate) fn write_field<'a>(name: &str, value: &impl Field<'a>, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_str(out, name);
    out.push(':');
    value.write(out);
}

/// The first of `known` that stands twice among `fields`.
pub(crate) fn twice_of(fields: &[(&str, Node<'_>)], known: &[&str]) -> Option<String> {
    let stands = |name: &&&str| fields.iter().filter(|(n, _)| n == *name).count() > 1;
    known.iter().find(stands).map(|name| (*name).to_owned())
}

pub(crate) fn found<'n, 'a>(fields: &'n [(&'a str, Node<'a>)], name: &str) -> Option<&'n Node<'a>> {
    fields
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, node)| node)
        .filter(|node| !matches!(node, Node::Null))
}

/// A type made of named fields: a record, or an object inside one.
pub trait Fields<'a>: Copy {
    /// Their names, in the contract's order.
    const NAMES: &'static [&'static str];
    /// Reads them quickly, to behind the closing brace: from the opening one or, `typed`, from the comma
    /// behind a `type` that has been read. Else a `type` among them is passed over.
    fn quick_fields(cursor: &mut Cursor<'a>, arena: &'a Bump, typed: bool) -> Option<Self>;
    /// Reads them with care.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order of the fields.
    fn careful_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault>;
    /// The first known field that stands there twice, inner ones too.
    fn twice_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>) -> Option<String>;
    /// Adds them to a record's content.
    fn feed_fields(&self, content: &mut Content);
    /// Appends them as the fields of a JSON object.
    fn write_fields(&self, out: &mut String);
    /// JSON Schema of each field, and whether it is required.
    fn schema_fields() -> Vec<(&'static str, Json, bool)>;
}

/// The JSON Schema of an object with such fields.
#[must_use]
pub fn object_schema(kind: Option<&str>, fields: Vec<(&'static str, Json, bool)>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some(kind) = kind {
        properties.insert("type".to_owned(), json!({"const": kind}));
        required.push("type");
    }
    for (name, mut schema, needed) in fields {
        if needed {
            required.push(name);
        } else {
            schema = json!({"anyOf": [schema, {"type": "null"}]});
        }
        properties.insert(name.to_owned(), schema);
    }
    json!({"type": "object", "properties": properties, "required": required})
}

macro_rules! fields {
    ($(#[doc = $doc:literal])* $name:ident { $( $field:ident : $ty:ty $([$($mode:tt)+])?, )+ }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<'a> {
            $( #[doc = concat!("`", stringify!($field), "`")] pub $field: field_ty!($ty; $($($mode)+)?), )+
            lifetime: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            /// All fields at once.
            #[must_use]
            #[allow(clippy::too_many_arguments, reason = "one for each field of the contract")]
            pub const fn new($( $field: field_ty!($ty; $($($mode)+)?), )+) -> Self {
                $name { $( $field, )+ lifetime: std::marker::PhantomData }
            }
        }

        impl<'a> Fields<'a> for $name<'a> {
            const NAMES: &'static [&'static str] = &[$( stringify!($field), )+];

            #[inline]
            fn quick_fields(cursor: &mut Cursor<'a>, arena: &'a Bump, typed: bool) -> Option<Self> {
                $( let mut $field: Option<$ty> = None; )+
                let (mut seen, mut opening) = if typed { (TYPE, b',') } else { (0u32, b'{') };
                // Usually the fields stand in the contract's order, so that each is looked for where it is
                // expected.
                let mut bit = 1u32;
                $(
                    if cursor.takes(opening, concat!("\"", stringify!($field), "\":").as_bytes()) {
                        opening = b',';
                        seen |= bit;
                        if !cursor.null()? {
                            $field = Some(<$ty>::quick(cursor, arena)?);
                        }
                    }
                    bit <<= 1;
                )+
                let _ = bit;
                // Whatever is left is found by its name.
                while opening == b'{' || !cursor.closes(b'}')? {
                    cursor.expect(opening)?;
                    opening = b',';
                    let key = cursor.key()?;
                    fields!(@quick key, cursor, arena, seen, 1u32; $( $field: $ty, )+);
                }
                Some($name {
                    $( $field: quick_value!($field; $($($mode)+)?), )+
                    lifetime: std::marker::PhantomData,
                })
            }

            fn careful_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>, arena: &'a Bump)
                -> Result<Self, Fault>
            {
                $( let $field = careful_value!(
                    $ty, found(fields, stringify!($field)), Path::Field(at, stringify!($field)), arena;
                    $($($mode)+)?
                ); )+
                Ok($name { $( $field, )+ lifetime: std::marker::PhantomData })
            }

            fn twice_fields(fields: &[(&'a str, Node<'a>)], at: &Path<'_>) -> Option<String> {
                if let Some(name) = twice_of(fields, Self::NAMES) {
                    return Some(match at { Path::Record => name, _ => format!("{at}.{name}") });
                }
                $( if let Some(node) = found(fields, stringify!($field)) {
                    let inner = <$ty>::twice(node, &Path::Field(at, stringify!($field)));
                    if inner.is_some() {
                        return inner;
                    }
                } )+
                None
            }

            fn feed_fields(&self, content: &mut Content) {
                $( feed_value!(self.$field, content; $($($mode)+)?); )+
            }

            fn write_fields(&self, out: &mut String) {
                $( write_value!(stringify!($field), self.$field, out; $($($mode)+)?); )+
            }

            fn schema_fields() -> Vec<(&'static str, Json, bool)> {
                vec![$( (stringify!($field), <$ty>::schema(), required!($($($mode)+)?)), )+]
            }
        }
    };
    (@quick $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr;
        $( $field:ident: $ty:ty, )+) => {
        fields!(@arms $key, $cursor, $arena, $seen, $bit; $( $field: $ty, )+ {})
    };
    (@arms $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr;
        $field:ident: $ty:ty, $( $rest:ident: $rty:ty, )* { $($else:tt)* }) => {
        if $key == stringify!($field).as_bytes() {
            if $seen & $bit != 0 {
                return None;
            }
            $seen |= $bit;
            if !$cursor.null()? {
                $field = Some(<$ty>::quick($cursor, $arena)?);
            }
        } else {
            fields!(@arms $key, $cursor, $arena, $seen, $bit << 1; $( $rest: $rty, )* {})
        }
    };
    (@arms $key:ident, $cursor:ident, $arena:ident, $seen:ident, $bit:expr; {}) => {
        if $key == b"type" {
            if $seen & TYPE != 0 {
                return None;
            }
            $seen |= TYPE;
            $cursor.string()?;
        } else {
            $cursor.skip()?;
        }
    };
}

/// Makes a type of named fields a field itself.
macro_rules! object_field {
    ($name:ident, $expected:literal) => {
        impl<'a> Field<'a> for $name<'a> {
            #[inline]
            fn quick(cursor: &mut Cursor<'a>, arena: &'a Bump) -> Option<Self> {
                Self::quick_fields(cursor, arena, false)
            }

            fn careful(node: &Node<'a>, at: &Path<'_>, arena: &'a Bump) -> Result<Self, Fault> {
                let Node::Object(fields) = node else {
                    return Err(Fault::bad(at, &Self::expected()));
                };
                Self::careful_fields(fields, at, arena)
            }

            fn twice(node: &Node<'a>, at: &Path<'_>) -> Option<String> {
                let Node::Object(fields) = node else {
                    return None;
                };
                Self::twice_fields(fields, at)
            }

            fn expected() -> String {
                $expected.to_owned()
            }

            fn feed(&self, content: &mut Content) {
                self.feed_fields(content);
            }

            fn write(&self, out: &mut String) {
                out.push('{');
                self.write_fields(out);
                out.push('}');
            }

            fn schema() -> Json {
                object_schema(None, Self::schema_fields())
            }
        }
    };
}
