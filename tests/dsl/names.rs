//! Descriptions recorded from Kafka Streams 4.3.1.
