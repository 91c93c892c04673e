//! Whether a broker really answers: a metadata request in Kafka's protocol over a plain socket.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Metadata, and its last version without tagged fields that tells brokers and the cluster's id.
const API_KEY: i16 = 3;
const API_VERSION: i16 = 5;

const CLIENT_ID: &str = "xtask";

/// How long a broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cluster of three answers with less; what is longer is no answer of Kafka's.
const ANSWER_MAX: u32 = 1 << 16;

/// What a broker tells of its cluster.
#[derive(Debug, PartialEq)]
pub(super) struct Cluster {
    pub(super) id: String,
    /// How many brokers are there, not counting fenced ones.
    pub(super) brokers: usize,
}

/// Asks the broker at `address`.
pub(super) fn ask(address: SocketAddr) -> io::Result<Cluster> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&request())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > ANSWER_MAX {
        return Err(strange("its length"));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer)?;
    parse(&answer)
}

/// A request for no topic, with its length before it.
fn request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(API_KEY.to_be_bytes());
    body.extend(API_VERSION.to_be_bytes());
    body.extend(0_i32.to_be_bytes()); // correlation id
    body.extend((CLIENT_ID.len() as i16).to_be_bytes());
    body.extend(CLIENT_ID.as_bytes());
    body.extend(0_i32.to_be_bytes()); // topics
    body.push(0); // allow_auto_topic_creation
    let mut request = (body.len() as i32).to_be_bytes().to_vec();
    request.extend(body);
    request
}

fn parse(answer: &[u8]) -> io::Result<Cluster> {
    let mut answer = Answer(answer);
    answer.take(4, "correlation_id")?;
    answer.take(4, "throttle_time_ms")?;
    let brokers = answer.int("brokers")?;
    for _ in 0..brokers {
        answer.take(4, "node_id")?;
        answer.string("host")?;
        answer.take(4, "port")?;
        answer.string("rack")?;
    }
    Ok(Cluster { id: answer.string("cluster_id")?, brokers: brokers.max(0) as usize })
}

/// What is left to read of an answer.
struct Answer<'a>(&'a [u8]);

impl<'a> Answer<'a> {
    fn take(&mut self, length: usize, field: &str) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| strange(field))?;
        self.0 = rest;
        Ok(taken)
    }

    fn int(&mut self, field: &str) -> io::Result<i32> {
        let bytes = self.take(4, field)?.try_into().map_err(|_| strange(field))?;
        Ok(i32::from_be_bytes(bytes))
    }

    /// A string; none is empty.
    fn string(&mut self, field: &str) -> io::Result<String> {
        let bytes = self.take(2, field)?.try_into().map_err(|_| strange(field))?;
        let length = i16::from_be_bytes(bytes).max(0) as usize;
        Ok(String::from_utf8_lossy(self.take(length, field)?).into_owned())
    }
}

fn strange(field: &str) -> io::Error {
    let message = format!("the answer is not that of a Kafka broker, at {field}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer of a cluster of two, one with a rack, as a broker sends it.
    const ANSWER: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\x02\
        \0\0\0\x01\0\x01h\0\0\x4a\x94\xff\xff\
        \0\0\0\x02\0\x01h\0\0\x4a\x96\0\x01r\
        \0\x03abc\0\0\0\x01\0\0\0\0";

    #[test]
    fn an_answer_tells_brokers_and_cluster() {
        let expected = Cluster { id: "abc".to_owned(), brokers: 2 };
        assert_eq!(parse(ANSWER).unwrap(), expected);
    }

    #[test]
    fn a_torn_answer_is_refused() {
        let cluster_id = ANSWER.len() - 8;
        for length in 0..cluster_id {
            let error = parse(&ANSWER[..length]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
        assert!(parse(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
    }

    #[test]
    fn the_request_says_its_length() {
        let request = request();
        assert_eq!(
            request.len(),
            4 + u32::from_be_bytes(request[..4].try_into().unwrap()) as usize
        );
        assert_eq!(&request[4..8], b"\0\x03\0\x05");
    }
}
