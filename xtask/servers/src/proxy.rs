//! A proxy of bytes, which fails as networks do: all connections cut and none let through, answers that never
//! come while requests arrive.
//!
//! It knows nothing of what is spoken. Each connection has two threads, one each way; a fault concerns all
//! connections at once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// They go through.
    Open,
    /// No connection is there, and none is made.
    Cut,
    /// Requests go through; answers are swallowed.
    Deaf,
}

#[derive(Debug)]
struct Shared {
    way: AtomicU8,
    /// Bytes of answers that were swallowed.
    swallowed: AtomicU64,
    /// Both ends of each that there was.
    connections: Mutex<Vec<TcpStream>>,
    /// Nobody wants it any more.
    is_over: AtomicBool,
}

impl Shared {
    fn is(&self, way: Way) -> bool {
        self.way.load(Ordering::SeqCst) == way as u8
    }

    fn close_all(&self) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in connections.drain(..) {
            // Its other end may have closed it.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

/// A proxy, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// Listens at one port of loopback, and passes on to another.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(front: u16, behind: u16) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", front))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            way: AtomicU8::new(Way::Open as u8),
            swallowed: AtomicU64::new(0),
            connections: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    return;
                }
                if !accepting.is(Way::Cut) {
                    // Who can't be passed on is cut off.
                    let _ = connect(&accepting, client, behind);
                }
            }
        });
        Ok(Proxy { shared, address })
    }

    /// Where it is reached.
    #[must_use]
    pub fn brokers(&self) -> String {
        self.address.to_string()
    }

    /// What becomes of bytes from now on. Whatever was under way is cut when the way opens or closes.
    pub fn set(&self, way: Way) {
        self.shared.way.store(way as u8, Ordering::SeqCst);
        if way != Way::Deaf {
            self.shared.close_all();
        }
    }

    /// How many bytes of answers were swallowed.
    #[must_use]
    pub fn swallowed(&self) -> u64 {
        self.shared.swallowed.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Way::Cut);
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes who listens.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream, behind: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", behind))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let held = [client.try_clone()?, server.try_clone()?];
    let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
    connections.extend(held);
    drop(connections);
    if shared.is(Way::Cut) {
        shared.close_all();
    }
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    for (from, to, are_answers) in [(from, to, false), (server, client, true)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            pass(&shared, &from, &to, are_answers);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

/// Passes bytes on until either end closes.
fn pass(shared: &Shared, mut from: &TcpStream, mut to: &TcpStream, are_answers: bool) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = match from.read(&mut bytes) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if are_answers && shared.is(Way::Deaf) {
            let wide = u64::try_from(read).unwrap_or(u64::MAX);
            shared.swallowed.fetch_add(wide, Ordering::SeqCst);
        } else if to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
