//! What is ordered, and how it lies in bytes: big-endian numbers, strings with a length of two
//! bytes before them.

use streams_dsl::{
    Serde, StreamData,
    core::stores::{Payload, Presence, SerdeContext, SerdeError},
};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) transaction: i64,
    /// Milliseconds since the epoch: the event time of the order.
    pub(super) time: i64,
    pub(super) quantity: i32,
    pub(super) item: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct User {
    pub(super) address: String,
    /// `F` or `M`.
    pub(super) gender: u8,
    pub(super) age: u8,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) origin: String,
    pub(super) category: String,
    pub(super) price: f64,
}

/// An order with what is known of its user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OrderUser {
    pub(super) order: Order,
    pub(super) user: User,
}

/// Fields one after the other.
pub(super) trait Binary: Sized {
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the fields off the front of `input`; `None` if it is too short or no text.
    fn read(input: &mut &[u8]) -> Option<Self>;
}

impl Binary for Order {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.transaction.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.quantity.to_be_bytes());
        write_text(&self.item, out);
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        Some(Self {
            transaction: i64::from_be_bytes(take(input)?),
            time: i64::from_be_bytes(take(input)?),
            quantity: i32::from_be_bytes(take(input)?),
            item: read_text(input)?,
        })
    }
}

impl Binary for User {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(&self.address, out);
        out.extend_from_slice(&[self.gender, self.age]);
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        let address = read_text(input)?;
        let [gender, age] = take(input)?;
        Some(Self { address, gender, age })
    }
}

impl Binary for Item {
    fn write(&self, out: &mut Vec<u8>) {
        write_text(&self.origin, out);
        write_text(&self.category, out);
        out.extend_from_slice(&self.price.to_be_bytes());
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        let (origin, category) = (read_text(input)?, read_text(input)?);
        Some(Self { origin, category, price: f64::from_be_bytes(take(input)?) })
    }
}

impl Binary for OrderUser {
    fn write(&self, out: &mut Vec<u8>) {
        self.order.write(out);
        self.user.write(out);
    }

    fn read(input: &mut &[u8]) -> Option<Self> {
        Some(Self { order: Order::read(input)?, user: User::read(input)? })
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn read_text(input: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(input)?);
    let text = input.split_off(..usize::from(length))?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    input.split_off(..N)?.try_into().ok()
}

/// The bytes of a value.
pub(super) fn encode<T: Binary>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    bytes
}

/// The serde of what is [`Binary`].
#[derive(Debug, Default)]
pub(super) struct BinarySerde;

impl<T: Binary + 'static> Serde<T> for BinarySerde {
    fn serialize(
        &self,
        value: &T,
        _to: &SerdeContext<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Presence, SerdeError> {
        value.write(out);
        Ok(Presence::Bytes)
    }

    fn deserialize(
        &self,
        bytes: Option<Payload<'_>>,
        _from: &SerdeContext<'_>,
    ) -> Result<T, SerdeError> {
        let name = std::any::type_name::<T>();
        let bytes = bytes.ok_or_else(|| SerdeError::null(name))?;
        let mut rest = bytes.as_slice();
        let value = T::read(&mut rest).filter(|_| rest.is_empty());
        value.ok_or_else(|| SerdeError::new(format!("{} bytes are no {name}", bytes.len())))
    }
}

impl StreamData for Order {
    type Serde = BinarySerde;
}

impl StreamData for User {
    type Serde = BinarySerde;
}

impl StreamData for Item {
    type Serde = BinarySerde;
}

impl StreamData for OrderUser {
    type Serde = BinarySerde;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_one_after_the_other() {
        let user = User { address: "city07".to_owned(), gender: b'F', age: 33 };
        assert_eq!(encode(&user), b"\0\x06city07F\x21");
        let order = Order { transaction: 1, time: 2, quantity: 3, item: "i".to_owned() };
        let both = OrderUser { order, user };
        let bytes = encode(&both);
        assert_eq!(OrderUser::read(&mut bytes.as_slice()), Some(both));
        assert_eq!(OrderUser::read(&mut &bytes[..bytes.len() - 1]), None);
    }
}
