//! Which serde an operator uses: said, inherited from the stream, or of the type.

use std::sync::Arc;

use streams_core::{
    StreamPartitioner,
    stores::{Serde, SharedSerde, StreamData, serde_of},
};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OfType {}
    impl<S> Sealed for super::Said<S> {}
    impl Sealed for super::ByKey {}
    impl<P> Sealed for super::ChosenBy<P> {}
}

/// Nothing was said of a serde: the one that the stream already has, else that of the type.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfType;

/// A serde that was given.
#[derive(Clone, Copy, Debug)]
pub struct Said<S>(pub(crate) S);

/// How an option settles the serde of one side.
#[diagnostic::on_unimplemented(
    message = "these options say no serde for `{T}`, and it has none of its own",
    label = "this step writes `{T}` to a topic or a store",
    note = "say one: `.key_serde(..)` or `.value_serde(..)`, or implement `StreamData for {T}`"
)]
pub trait SerdeFor<T>: sealed::Sealed {
    /// What was said outranks what the stream has; that outranks the serde of the type.
    fn settle(self, inherited: Option<&SharedSerde<T>>) -> SharedSerde<T>;
}

impl<T: StreamData> SerdeFor<T> for OfType {
    fn settle(self, inherited: Option<&SharedSerde<T>>) -> SharedSerde<T> {
        inherited.map_or_else(serde_of::<T>, Arc::clone)
    }
}

impl<T, S: Serde<T>> SerdeFor<T> for Said<S> {
    fn settle(self, _: Option<&SharedSerde<T>>) -> SharedSerde<T> {
        Arc::new(self.0)
    }
}

/// How an option settles a serde where one is known in any case.
pub trait SerdeOver<T>: sealed::Sealed {
    /// What was said, else what is known.
    fn settle_over(self, known: &SharedSerde<T>) -> SharedSerde<T>;
}

impl<T> SerdeOver<T> for OfType {
    fn settle_over(self, known: &SharedSerde<T>) -> SharedSerde<T> {
        Arc::clone(known)
    }
}

impl<T, S: Serde<T>> SerdeOver<T> for Said<S> {
    fn settle_over(self, _: &SharedSerde<T>) -> SharedSerde<T> {
        Arc::new(self.0)
    }
}

/// Nothing was said of the partition: the hash of the key decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByKey;

/// A partitioner that was given.
#[derive(Clone, Copy, Debug)]
pub struct ChosenBy<P>(pub(crate) P);

/// How an option settles who chooses the partition.
pub trait PartitionerFor<K, V>: sealed::Sealed {
    /// The partitioner, if one was given.
    fn settle(self) -> Option<Arc<dyn StreamPartitioner<K, V>>>;
}

impl<K, V> PartitionerFor<K, V> for ByKey {
    fn settle(self) -> Option<Arc<dyn StreamPartitioner<K, V>>> {
        None
    }
}

impl<K, V, P: StreamPartitioner<K, V> + 'static> PartitionerFor<K, V> for ChosenBy<P> {
    fn settle(self) -> Option<Arc<dyn StreamPartitioner<K, V>>> {
        Some(Arc::new(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streams_core::stores::{Headers, OptionSerde, Presence, SerdeContext, StringSerde};

    fn bytes(serde: &SharedSerde<String>) -> Vec<u8> {
        let mut out = Vec::new();
        let headers = Headers::default();
        let to = SerdeContext { topic: "t", headers: &headers };
        assert_eq!(serde.serialize(&"x".to_owned(), &to, &mut out).unwrap(), Presence::Bytes);
        out
    }

    /// Writes a mark before the text.
    struct Marked(u8);

    impl Serde<String> for Marked {
        fn serialize(
            &self,
            value: &String,
            to: &SerdeContext<'_>,
            out: &mut Vec<u8>,
        ) -> Result<Presence, streams_core::stores::SerdeError> {
            out.push(self.0);
            StringSerde.serialize(value, to, out)
        }

        fn deserialize(
            &self,
            bytes: Option<streams_core::stores::Payload<'_>>,
            from: &SerdeContext<'_>,
        ) -> Result<String, streams_core::stores::SerdeError> {
            StringSerde.deserialize(bytes, from)
        }
    }

    #[test]
    fn said_outranks_inherited_outranks_the_type() {
        let inherited: SharedSerde<String> = Arc::new(Marked(b'i'));
        assert_eq!(bytes(&Said(Marked(b's')).settle(Some(&inherited))), b"sx");
        assert_eq!(bytes(&SerdeFor::<String>::settle(OfType, Some(&inherited))), b"ix");
        assert_eq!(bytes(&SerdeFor::<String>::settle(OfType, None)), b"x");
    }

    #[test]
    fn an_option_has_the_serde_of_its_inside() {
        let serde: SharedSerde<Option<String>> = OfType.settle(None);
        assert!(serde.is_null(&None));
        assert!(!OptionSerde::new(Arc::new(StringSerde)).is_null(&Some(String::new())));
    }
}
