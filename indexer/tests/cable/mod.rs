//! A network between an indexer and its database server that can be unplugged: bytes stop, and nobody is told.
#![allow(unreachable_pub)]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Time between two looks whether the cable was pulled.
const LOOK: Duration = Duration::from_millis(10);

/// The cable. What was connected when it was pulled stays dead, and stays open, until it is dropped.
pub struct Cable {
    database: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// How often it was pulled.
    pulls: AtomicU32,
    is_out: AtomicBool,
    is_gone: AtomicBool,
}

impl Cable {
    /// One to the server of `database`, an address such as `postgres://user@host:port/name`.
    pub fn to(database: &str) -> Self {
        let (user, rest) = database.rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let (server, shared) = (server.to_owned(), Arc::clone(&state));
        thread::spawn(move || accept(&listener, &server, &shared));
        Self { database: format!("{user}@{address}/{name}"), state }
    }

    /// The database's address through the cable.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Pulls it out: nothing gets through any more, new connections least of all.
    pub fn pull(&self) {
        self.state.is_out.store(true, SeqCst);
        self.state.pulls.fetch_add(1, SeqCst);
    }

    /// Plugs it in for connections made from now on.
    pub fn plug(&self) {
        self.state.is_out.store(false, SeqCst);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.state.is_gone.store(true, SeqCst);
    }
}

fn accept(listener: &TcpListener, server: &str, state: &Arc<State>) {
    let mut dead = Vec::new();
    while !state.is_gone.load(SeqCst) {
        let Ok((client, _)) = listener.accept() else {
            thread::sleep(LOOK);
            continue;
        };
        let pulls = state.pulls.load(SeqCst);
        if state.is_out.load(SeqCst) {
            dead.push(client);
            continue;
        }
        let Ok(server) = TcpStream::connect(server) else { continue };
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(state));
            thread::spawn(move || carry(from, to, &state, pulls));
        }
    }
}

/// Carries bytes while the cable has been pulled no more than `pulls` times.
fn carry(mut from: TcpStream, mut to: TcpStream, state: &State, pulls: u32) {
    from.set_nonblocking(false).unwrap();
    from.set_read_timeout(Some(LOOK)).unwrap();
    let mut buffer = [0; 1 << 16];
    while !state.is_gone.load(SeqCst) {
        if state.pulls.load(SeqCst) != pulls {
            thread::sleep(LOOK);
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(_) if state.pulls.load(SeqCst) != pulls => {}
            Ok(length) => {
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
