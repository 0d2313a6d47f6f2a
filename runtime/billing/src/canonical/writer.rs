//! Owns the short way to canonical bytes: writes a value in one pass, and puts the fields of each object in
//! order where they were written. Gives up on whatever needs more thought: fractions, large numbers, and
//! field names with characters that are escaped or outside ASCII.

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{BYTES_USUAL, NUMBER_MAX};

/// The canonical bytes, where the short way leads to them.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    let mut writer = Writer {
        bytes: Vec::with_capacity(BYTES_USUAL),
        fields: Vec::new(),
        sorted: Vec::new(),
    };
    value.serialize(&mut writer).ok()?;
    Some(writer.bytes)
}

/// The value needs the general way, which also says what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("this value is not written the short way")]
struct Unfit;

impl Error for Unfit {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

struct Writer {
    bytes: Vec<u8>,
    /// The fields of all objects that are open, the innermost one's last.
    fields: Vec<Field>,
    /// Where the fields of one object are put in order; kept, so that it is allocated once.
    sorted: Vec<u8>,
}

/// Whether JSON has these bytes of a text as they are.
fn is_verbatim(text: &[u8]) -> bool {
    let is_escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // No way out within a chunk, so that the processor looks at many bytes at a time.
    text.chunks(64).all(|chunk| {
        let escaped = chunk.iter().map(is_escaped);
        !escaped.fold(false, |any, one| any | one)
    })
}

/// Whether a field of this name is sorted alike by its bytes and by its UTF-16 code units.
fn is_plain(name: &[u8]) -> bool {
    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
    name.iter().all(is_plain)
}

impl Writer {
    fn text(&mut self, text: &str) -> Result<(), Unfit> {
        if !is_verbatim(text.as_bytes()) {
            return serde_json::to_writer(&mut self.bytes, text).map_err(|_| Unfit);
        }
        self.verbatim(text.as_bytes());
        Ok(())
    }

    fn verbatim(&mut self, text: &[u8]) {
        self.bytes.reserve(text.len().saturating_add(3));
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text);
        self.bytes.push(b'"');
    }

    fn whole(&mut self, negative: bool, magnitude: u64) -> Result<(), Unfit> {
        if magnitude > NUMBER_MAX {
            return Err(Unfit);
        }
        if negative {
            self.bytes.push(b'-');
        }
        serde_json::to_writer(&mut self.bytes, &magnitude).map_err(|_| Unfit)
    }

    /// Opens an object that holds one field, whose value comes next.
    fn variant(&mut self, name: &str) -> Result<(), Unfit> {
        self.bytes.push(b'{');
        self.text(name)?;
        self.bytes.push(b':');
        Ok(())
    }

    fn array(&mut self, closes: &'static [u8]) -> Items<'_> {
        self.bytes.push(b'[');
        Items {
            writer: self,
            is_first: true,
            closes,
        }
    }

    fn object(&mut self, closes: &'static [u8]) -> Fields<'_> {
        self.bytes.push(b'{');
        Fields {
            start: self.bytes.len(),
            first: self.fields.len(),
            is_sorted: true,
            writer: self,
            closes,
        }
    }
}

/// An array that is being written, and what ends it.
struct Items<'w> {
    writer: &'w mut Writer,
    is_first: bool,
    closes: &'static [u8],
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        if !std::mem::take(&mut self.is_first) {
            self.writer.bytes.push(b',');
        }
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.bytes.extend_from_slice(self.closes);
    }
}

/// Where a field stands in the bytes: its name without the quotes, and the whole of it.
struct Field {
    name: std::ops::Range<usize>,
    end: usize,
}

/// An object that is being written, its fields one after the other as they come.
struct Fields<'w> {
    writer: &'w mut Writer,
    start: usize,
    /// Which of the writer's fields is the first of this object.
    first: usize,
    /// Whether the fields came in order so far.
    is_sorted: bool,
    closes: &'static [u8],
}

impl Fields<'_> {
    /// Goes to where the next field's name is written.
    fn begin(&mut self) {
        if self.writer.fields.len() > self.first {
            self.writer.bytes.push(b',');
        }
    }

    /// What was written since `from` is the field's name in quotes.
    fn named(&mut self, from: usize) {
        let bytes = &mut self.writer.bytes;
        let name = from.saturating_add(1)..bytes.len().saturating_sub(1);
        let own = self.writer.fields.get(self.first..).unwrap_or_default();
        if let Some(last) = own.last() {
            let (last, this) = (bytes.get(last.name.clone()), bytes.get(name.clone()));
            self.is_sorted &= last < this;
        }
        bytes.push(b':');
        self.writer.fields.push(Field { name, end: 0 });
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        value.serialize(&mut *self.writer)?;
        let field = self.writer.fields.last_mut().ok_or(Unfit)?;
        field.end = self.writer.bytes.len();
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Unfit> {
        if !is_plain(name.as_bytes()) {
            return Err(Unfit);
        }
        self.begin();
        let from = self.writer.bytes.len();
        self.writer.verbatim(name.as_bytes());
        self.named(from);
        self.value(value)
    }

    /// Puts the fields in order, if they did not come so. A name that comes twice is unfit.
    fn close(self) -> Result<(), Unfit> {
        let Writer {
            bytes,
            fields,
            sorted,
        } = self.writer;
        if !self.is_sorted {
            let own = fields.get_mut(self.first..).ok_or(Unfit)?;
            sort(bytes, own, sorted)?;
            bytes.truncate(self.start);
            bytes.extend_from_slice(sorted);
        }
        fields.truncate(self.first);
        bytes.extend_from_slice(self.closes);
        Ok(())
    }
}

/// Writes the fields that stand in `bytes` in order, with commas between them.
fn sort(bytes: &[u8], fields: &mut [Field], sorted: &mut Vec<u8>) -> Result<(), Unfit> {
    let name = |field: &Field| bytes.get(field.name.clone()).unwrap_or_default();
    fields.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    sorted.clear();
    let mut last: Option<&Field> = None;
    for field in fields.iter() {
        if let Some(last) = last {
            if name(last) == name(field) {
                return Err(Unfit);
            }
            sorted.push(b',');
        }
        let whole = field.name.start.saturating_sub(1)..field.end;
        sorted.extend_from_slice(bytes.get(whole).ok_or(Unfit)?);
        last = Some(field);
    }
    Ok(())
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Items<'w>;
    type SerializeTuple = Items<'w>;
    type SerializeTupleStruct = Items<'w>;
    type SerializeTupleVariant = Items<'w>;
    type SerializeMap = Fields<'w>;
    type SerializeStruct = Fields<'w>;
    type SerializeStructVariant = Fields<'w>;

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unfit> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unfit> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unfit> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unfit> {
        self.whole(value < 0, value.unsigned_abs())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unfit> {
        self.whole(false, value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unfit> {
        self.whole(false, value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unfit> {
        self.whole(false, value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unfit> {
        self.whole(false, value)
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_char(self, value: char) -> Result<(), Unfit> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unfit> {
        self.text(value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        self.bytes.push(b'"');
        let from = self.bytes.len();
        write!(self.bytes, "{value}").map_err(|_| Unfit)?;
        match self.bytes.get(from..) {
            Some(text) if is_verbatim(text) => {
                self.bytes.push(b'"');
                Ok(())
            }
            // Nothing that is shown so has characters that are escaped.
            _ => Err(Unfit),
        }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn serialize_none(self) -> Result<(), Unfit> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unfit> {
        self.bytes.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unfit> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unfit> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.bytes.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'w>, Unfit> {
        Ok(self.array(b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'w>, Unfit> {
        Ok(self.array(b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'w>, Unfit> {
        Ok(self.array(b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'w>, Unfit> {
        self.variant(variant)?;
        Ok(self.array(b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'w>, Unfit> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'w>, Unfit> {
        Ok(self.object(b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'w>, Unfit> {
        self.variant(variant)?;
        Ok(self.object(b"}}"))
    }
}

/// The arrays of serde's model, which are all written alike.
macro_rules! arrays {
    ($($array:ident, $method:ident;)+) => {$(
        impl $array for Items<'_> {
            type Ok = ();
            type Error = Unfit;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
                self.item(value)
            }

            fn end(self) -> Result<(), Unfit> {
                self.close();
                Ok(())
            }
        }
    )+};
}

arrays! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

/// The objects of serde's model whose field names the program fixes.
macro_rules! objects {
    ($($object:ident;)+) => {$(
        impl $object for Fields<'_> {
            type Ok = ();
            type Error = Unfit;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Unfit> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Unfit> {
                self.close()
            }
        }
    )+};
}

objects! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Unfit> {
        self.begin();
        let from = self.writer.bytes.len();
        name.serialize(&mut *self.writer)?;
        match self.writer.bytes.get(from..) {
            Some([b'"', name @ .., b'"']) if is_plain(name) => {
                self.named(from);
                Ok(())
            }
            _ => Err(Unfit),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        self.value(value)
    }

    fn end(self) -> Result<(), Unfit> {
        self.close()
    }
}
