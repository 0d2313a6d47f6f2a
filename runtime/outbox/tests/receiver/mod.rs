//! Owns a receiver of events that fails in every way: a real HTTP server on this machine, which does with each
//! request what it was told, and remembers every event that it took.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the receiver does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Takes the events and says so.
    Take,
    /// Takes them, and closes the connection without a word.
    TakeSilently,
    /// Closes the connection before it reads.
    CloseAtOnce,
    /// Closes it in the middle of the answer's head, having taken nothing.
    CloseInHead,
    /// Takes them, and closes the connection in the middle of the answer's body.
    CloseInBody,
    /// Says this code, with or without a `Retry-After` of no seconds.
    Say(u16, bool),
    /// Reads, and says nothing ever.
    SayNothing,
    /// Says what is no HTTP.
    Garble,
    /// Takes them, and says so one byte at a time, far too slowly.
    Trickle,
    /// Takes them, and says so with a body that never ends.
    TakeEndlessly,
    /// Says 500 with a body that never ends.
    FailEndlessly,
    /// Says 500 with more headers than anyone reads.
    SwampHead,
    /// Kills the sender before it takes them.
    KillBefore,
    /// Kills the sender after it took them, before it says so.
    KillBetween,
    /// Takes them, says so, and kills the sender so many microseconds later.
    KillAfter(u64),
}

/// What a receiver knows.
#[derive(Default)]
pub struct Taken {
    /// How often each event came, by id.
    pub times: BTreeMap<String, u32>,
    /// What it was.
    pub bodies: BTreeMap<String, serde_json::Value>,
    /// The head of each request.
    pub heads: Vec<String>,
}

/// A receiver on a port of its own. Runs until the test's process ends.
pub struct Receiver {
    address: SocketAddr,
    deeds: Arc<Mutex<VecDeque<Deed>>>,
    taken: Arc<Mutex<Taken>>,
    sender: Arc<Mutex<Option<Child>>>,
}

/// A connection, plain or not.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// Makes a connection out of an accepted one.
pub type Accept = fn(TcpStream) -> Box<dyn Wire>;

impl Receiver {
    pub fn start(deeds: impl IntoIterator<Item = Deed>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, deeds, |stream| Box::new(stream))
    }

    pub fn on(
        listener: TcpListener,
        deeds: impl IntoIterator<Item = Deed>,
        accept: Accept,
    ) -> Self {
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            deeds: Arc::new(Mutex::new(deeds.into_iter().collect())),
            taken: Arc::default(),
            sender: Arc::default(),
        };
        let (deeds, taken) = (receiver.deeds.clone(), receiver.taken.clone());
        let sender = receiver.sender.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (deeds, taken, sender) = (deeds.clone(), taken.clone(), sender.clone());
                thread::spawn(move || {
                    let _ = serve(accept(stream), &deeds, &taken, &sender);
                });
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap()
    }

    pub fn left(&self) -> usize {
        self.deeds.lock().unwrap().len()
    }

    /// Whom to kill. Waits until that process has ended, and says whether it did all it was to do.
    pub fn wait_for(&self, child: Child) -> bool {
        *self.sender.lock().unwrap() = Some(child);
        loop {
            if let Some(status) = self
                .sender
                .lock()
                .unwrap()
                .as_mut()
                .unwrap()
                .try_wait()
                .unwrap()
            {
                return status.success();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn kill(sender: &Mutex<Option<Child>>) {
    // The process may be killed before its number is known here.
    for _ in 0..1_000 {
        if let Some(child) = sender.lock().unwrap().as_mut() {
            child.kill().unwrap();
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn serve(
    wire: Box<dyn Wire>,
    deeds: &Mutex<VecDeque<Deed>>,
    taken: &Mutex<Taken>,
    sender: &Mutex<Option<Child>>,
) -> std::io::Result<()> {
    let mut wire = BufReader::new(wire);
    let mut next = Some(deeds.lock().unwrap().pop_front().unwrap_or(Deed::Take));
    if next == Some(Deed::CloseAtOnce) {
        return Ok(());
    }
    while let Some((head, body)) = request(&mut wire)? {
        let deed = next.take();
        let deed = deed.unwrap_or_else(|| deeds.lock().unwrap().pop_front().unwrap_or(Deed::Take));
        let take = || remember(taken, &head, &body);
        let out = wire.get_mut();
        match deed {
            Deed::Take => {
                take();
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
                continue;
            }
            Deed::Say(code, soon) => {
                let after = if soon { "Retry-After: 0\r\n" } else { "" };
                let words = "no <such> meter";
                let length = words.len();
                let text =
                    format!("HTTP/1.1 {code} X\r\n{after}Content-Length: {length}\r\n\r\n{words}");
                out.write_all(text.as_bytes())?;
                continue;
            }
            Deed::TakeSilently => take(),
            Deed::CloseAtOnce => {}
            Deed::CloseInHead => out.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")?,
            Deed::CloseInBody => {
                take();
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok")?;
            }
            Deed::SayNothing => wait_for_end(&mut wire),
            Deed::Garble => out.write_all(b"\x00\xffSSH-2.0 hello\r\n\r\n\r\n")?,
            Deed::Trickle => {
                take();
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" {
                    out.write_all(&[*byte])?;
                    out.flush()?;
                    thread::sleep(Duration::from_millis(40));
                }
            }
            Deed::TakeEndlessly => {
                take();
                endless(out, "200 OK")?;
            }
            Deed::FailEndlessly => endless(out, "500 No")?,
            Deed::SwampHead => {
                out.write_all(b"HTTP/1.1 500 No\r\n")?;
                for n in 0..4_000 {
                    out.write_all(format!("X-{n}: {}\r\n", "y".repeat(60)).as_bytes())?;
                }
            }
            Deed::KillBefore => kill(sender),
            Deed::KillBetween => {
                take();
                kill(sender);
            }
            Deed::KillAfter(micros) => {
                take();
                out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
                out.flush()?;
                thread::sleep(Duration::from_micros(micros));
                kill(sender);
            }
        }
        return wire.get_mut().flush();
    }
    Ok(())
}

fn endless(out: &mut Box<dyn Wire>, status: &str) -> std::io::Result<()> {
    write!(
        out,
        "HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )?;
    let chunk = format!("1000\r\n{}\r\n", "z".repeat(0x1000));
    // Ends when the sender closes the connection, or after 4 GiB.
    for _ in 0..1_000_000 {
        out.write_all(chunk.as_bytes())?;
    }
    Ok(())
}

fn wait_for_end(wire: &mut BufReader<Box<dyn Wire>>) {
    let _ = wire.read(&mut [0; 16]);
}

/// The next request on a connection: its head and its body; none at the connection's end.
fn request(wire: &mut BufReader<Box<dyn Wire>>) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if wire.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
    wire.read_exact(&mut body)?;
    Ok(Some((head, body)))
}

/// Takes the events of a request: one, an array of them, or one in the field `events`.
fn remember(taken: &Mutex<Taken>, head: &str, body: &[u8]) {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    let events = match value {
        serde_json::Value::Array(events) => events,
        mut value => match value.get_mut("events").map(serde_json::Value::take) {
            Some(serde_json::Value::Array(events)) => events,
            _ => vec![value],
        },
    };
    let mut taken = taken.lock().unwrap();
    taken.heads.push(head.to_owned());
    for event in events {
        let id = event
            .get("id")
            .and_then(|id| id.as_str())
            .unwrap()
            .to_owned();
        let before = taken.bodies.insert(id.clone(), event.clone());
        assert!(
            before.is_none_or(|before| before == event),
            "one id, two contents: {id}"
        );
        *taken.times.entry(id).or_default() += 1;
    }
}
