//! Topics chosen by a regular expression.

use std::fmt;
use std::sync::Arc;

use regex_lite::Regex;

use super::BrokerError;

/// A regular expression that names topics: a topic matches as a whole, as with Java's
/// `Pattern.matches`.
///
/// # Example: part of a name is not enough
/// ```
/// use streams_core::broker::TopicPattern;
///
/// let pattern = TopicPattern::new("orders-(eu|us)")?;
/// assert!(pattern.matches("orders-eu"));
/// assert!(!pattern.matches("orders-eu-archive"));
/// # Ok::<(), streams_core::broker::BrokerError>(())
/// ```
#[derive(Clone)]
pub struct TopicPattern {
    text: Arc<str>,
    regex: Regex,
}

impl TopicPattern {
    /// The pattern that `text` is.
    ///
    /// # Errors
    /// It is no regular expression; the error names it.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, BrokerError> {
        let text = text.into();
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| {
            BrokerError::invalid_request(format!("{text:?} is no pattern of topics"))
                .with_source(error)
        })?;
        Ok(Self { text, regex })
    }

    /// Whether the topic of this name is meant.
    pub fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic)
    }

    /// The regular expression.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TopicPattern").field(&self.text).finish()
    }
}
