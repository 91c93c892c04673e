//! A bad line to a broker: forwards some bytes of each connection, then cuts it.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Lives as long as the process.
pub(crate) struct Proxy {
    port: u16,
    plan: Arc<Plan>,
}

struct Plan {
    cuts: AtomicUsize,
    hides_streams_groups: AtomicBool,
}

impl Proxy {
    /// Forwards to a port. The first `cuts` connections that carry enough are cut, each after
    /// another number of bytes.
    pub(crate) fn start(to: u16, cuts: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let plan = Plan { cuts: cuts.into(), hides_streams_groups: false.into() };
        let proxy = Self { port, plan: Arc::new(plan) };
        let plan = Arc::clone(&proxy.plan);
        thread::spawn(move || {
            for (number, client) in listener.incoming().flatten().enumerate() {
                // While the broker is away there is nobody to forward to.
                let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
                let line = Line { plan: Arc::clone(&plan), bytes: bytes_until_cut(number) };
                line.connect(client, broker);
            }
        });
        proxy
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From here on the broker is one that does not know streams groups. Cuts are over.
    pub(crate) fn hide_streams_groups(&self) {
        self.plan.cuts.store(0, Ordering::SeqCst);
        self.plan.hides_streams_groups.store(true, Ordering::SeqCst);
    }

    /// How many connections will be cut yet.
    pub(crate) fn left(&self) -> usize {
        self.plan.cuts.load(Ordering::SeqCst)
    }
}

/// From half a kilobyte, within the first answers, to some batches of records.
fn bytes_until_cut(connection: usize) -> usize {
    let spread = connection.wrapping_mul(0x9e37_79b9) >> 7;
    500 + spread % [2_000, 20_000, 200_000][connection % 3]
}

/// One connection.
struct Line {
    plan: Arc<Plan>,
    /// How many bytes go one way before it is cut.
    bytes: usize,
}

impl Line {
    /// Forwards both ways; whichever carries enough first, requests or answers, is cut.
    fn connect(&self, client: TcpStream, broker: TcpStream) {
        let copy = |stream: &TcpStream| stream.try_clone().unwrap();
        let there = self.way(copy(&client), copy(&broker));
        let mut back = self.way(broker, client);
        back.hides = self.plan.hides_streams_groups.load(Ordering::SeqCst);
        for way in [there, back] {
            thread::spawn(move || way.forward());
        }
    }

    fn way(&self, from: TcpStream, to: TcpStream) -> Way {
        Way { plan: Arc::clone(&self.plan), from, to, left: self.bytes, hides: false }
    }
}

/// One direction of a connection.
struct Way {
    plan: Arc<Plan>,
    from: TcpStream,
    to: TcpStream,
    left: usize,
    hides: bool,
}

impl Way {
    fn forward(mut self) {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = self.from.read(&mut buffer) {
            let part = &mut buffer[..read];
            if std::mem::take(&mut self.hides) {
                hide_streams_groups(part);
            }
            let is_cut = read > self.left && self.plan.take_cut();
            let part = if is_cut { &part[..self.left] } else { part };
            if self.to.write_all(part).is_err() || is_cut {
                break;
            }
            self.left = self.left.saturating_sub(read);
        }
        for end in [self.from, self.to] {
            // It may be closed already.
            end.shutdown(Shutdown::Both).unwrap_or_default();
        }
    }
}

impl Plan {
    fn take_cut(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    }
}

/// In the answer to ApiVersions, the first of a connection, gives the heartbeat of streams groups
/// (88, versions from 0) a number that nobody asks for.
fn hide_streams_groups(answer: &mut [u8]) {
    let at = answer.windows(4).position(|bytes| bytes == [0, 88, 0, 0]).unwrap();
    answer[at..at + 2].copy_from_slice(&30_000_i16.to_be_bytes());
}
