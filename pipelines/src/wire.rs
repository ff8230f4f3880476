//! Values as bytes, for what is kept outside the process: little-endian, fixed width, no names.
//!
//! Equal values have equal bytes, and any bytes are read without a panic: what can't be a value is none.
//! What is read allocates no more than a small multiple of the bytes that are there.

use contract::time::Time;
use contract::values::Currency;
use operators::ledger::{AccountNo, Levels};
use operators::varint::Reader;

/// A value that can be written and read.
pub trait Wire: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads what [`Wire::put`] appended; none if that is not there.
    fn get(from: &mut Reader<'_>) -> Option<Self>;

    /// How many bytes it takes.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

macro_rules! numbers {
    ($( $number:ty )*) => { $(
        impl Wire for $number {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn get(from: &mut Reader<'_>) -> Option<Self> {
                from.take(size_of::<Self>())?.try_into().ok().map(Self::from_le_bytes)
            }
        }
    )* };
}

numbers! { u8 u16 u32 u64 i64 i128 u128 }

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        match u8::get(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Appends how many there are.
fn put_len(len: usize, out: &mut Vec<u8>) {
    u32::try_from(len)
        .expect("fewer than 2^32 bytes or items")
        .put(out);
}

fn get_len(from: &mut Reader<'_>) -> Option<usize> {
    usize::try_from(u32::get(from)?).ok()
}

/// Appends a text.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    put_len(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what [`put_text`] appended.
pub fn get_text<'a>(from: &mut Reader<'a>) -> Option<&'a str> {
    let len = get_len(from)?;
    std::str::from_utf8(from.take(len)?).ok()
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        get_text(from).map(str::to_owned)
    }

    fn size(&self) -> usize {
        4 + self.len()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        if bool::get(from)? {
            T::get(from).map(Some)
        } else {
            Some(None)
        }
    }

    fn size(&self) -> usize {
        1 + self.as_ref().map_or(0, Wire::size)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_len(self.len(), out);
        for item in self {
            item.put(out);
        }
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        (0..get_len(from)?).map(|_| T::get(from)).collect()
    }

    fn size(&self) -> usize {
        4 + self.iter().map(Wire::size).sum::<usize>()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::get(from)?, B::get(from)?))
    }

    fn size(&self) -> usize {
        self.0.size() + self.1.size()
    }
}

/// Makes a struct a value: all of its fields, one behind another. Each field stands here by name, so that one
/// that is added later can't be forgotten: it would not compile.
macro_rules! wire_fields {
    ($name:ty { $( $field:ident ),* $(,)? }) => {
        impl crate::wire::Wire for $name {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $( $field ),* } = self;
                $( crate::wire::Wire::put($field, out); )*
            }

            #[inline]
            fn get(from: &mut ::operators::varint::Reader<'_>) -> Option<Self> {
                Some(Self { $( $field: crate::wire::Wire::get(from)? ),* })
            }

            fn size(&self) -> usize {
                let Self { $( $field ),* } = self;
                0 $( + crate::wire::Wire::size($field) )*
            }
        }
    };
}

pub(crate) use wire_fields;

wire_fields!(Levels {
    on_hand,
    held,
    spent,
    inflow
});

impl Wire for AccountNo {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        u32::get(from).map(AccountNo)
    }
}

impl Wire for Time {
    fn put(&self, out: &mut Vec<u8>) {
        self.ms().put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Time::from_ms(i64::get(from)?)
    }
}

impl Wire for Currency {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_u16().put(out);
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        let number = u16::get(from)?;
        (number < 26 * 26 * 26).then(|| Currency::from_u16(number))
    }
}
