//! The sockets that clients knock at: our own, or those that whoever started us hands over.
//!
//! One address has several sockets (`SO_REUSEPORT`), because the kernel keeps at most `net.core.somaxconn` clients
//! waiting at each, and a client that waits there costs no descriptor.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsRawFd,
};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

use crate::tls::Tls;

/// Length of the kernel's queue of clients not yet accepted at each socket.
const BACKLOG: i32 = 4096;

/// Sockets at one address: some 32,000 clients can wait.
const SOCKETS: usize = 8;

/// Sockets at one address that listen.
#[derive(Debug)]
pub struct Listeners {
    pub(super) sockets: Vec<TcpListener>,
    /// Another process may go on listening on them.
    pub(super) inherited: bool,
    pub(super) tls: Option<Tls>,
}

impl Listeners {
    fn new(sockets: Vec<TcpListener>, inherited: bool) -> Self {
        Self { sockets, inherited, tls: None }
    }

    /// The address, with the port it was given.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets.first().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }

    /// The same, speaking TLS if so configured.
    #[must_use]
    pub fn secured(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }
}

/// Listens on `address` (port 0 picks one; ask the listeners which).
///
/// # Errors
/// When the address cannot be bound, among others because another program listens on it.
pub fn listen(address: SocketAddr) -> io::Result<Listeners> {
    // Sockets that share an address would share it with a second server too; a plain one finds that out.
    let plain = socket(address)?;
    plain.bind(&address.into())?;
    drop(plain);
    let first = shared(address)?;
    let bound = first.local_addr()?;
    let others = (1..SOCKETS).map(|_| shared(bound));
    let sockets = std::iter::once(Ok(first)).chain(others).collect::<io::Result<_>>()?;
    Ok(Listeners::new(sockets, false))
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Has the kernel ignore clients that begin to connect to a socket of our own, so that those who have begun can be
/// served to the end. A socket closed at once, or one with a short queue, resets them although they take themselves for
/// connected.
pub(super) fn ignore_new_clients(socket: &tokio::net::TcpListener) -> io::Result<()> {
    // Of what comes in the filter sees the TCP header first (linux/net/ipv4/tcp_ipv4.c, tcp_filter); a client begins
    // with SYN among its flags (RFC 9293, 3.1). Sockets accepted later keep the filter, and never see one.
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const WHOLE: u32 = u32::MAX;
    let instruction = |code: u32, if_true, if_false, value| SockFilter::new(code as u16, if_true, if_false, value);
    SockRef::from(socket).attach_filter(&[
        instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS_AT),
        instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, SYN),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, WHOLE),
    ])
}

/// Clients that wait at a listening socket to be accepted; none where the kernel does not tell.
#[allow(unsafe_code, reason = "no library asks a socket for TCP_INFO")]
pub(super) fn waiting(socket: &tokio::net::TcpListener) -> usize {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which has as many and is valid with all of them zero.
    let info = unsafe {
        let value = info.as_mut_ptr().cast();
        match libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, value, &raw mut length) {
            0 => info.assume_init(),
            _ => return 0,
        }
    };
    // Of a socket that listens this is the length of its queue (tcp(7) does not say so; `ss -l` shows it as Recv-Q).
    info.tcpi_unacked as usize
}

/// Bytes written to a client's socket that have not reached the client yet; none where the kernel does not tell.
#[allow(unsafe_code, reason = "no library asks a socket for SIOCOUTQ")]
pub(super) fn untaken_bytes(socket: &tokio::net::TcpStream) -> usize {
    let mut bytes: libc::c_int = 0;
    // SIOCOUTQ is another name for this (tcp(7)). SAFETY: the kernel writes one int to `bytes`.
    let told = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if told == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// Sockets handed over at start (`LISTEN_FDS` and `LISTEN_PID`, as systemd does it), by address.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<(SocketAddr, TcpListener)>,
}

impl Inherited {
    /// Takes them from the environment; none when the program was started without. Call once.
    ///
    /// # Errors
    /// When a descriptor handed over is no listening TCP socket.
    pub fn take() -> io::Result<Self> {
        let mut handed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..handed.len() {
            let Some(socket) = handed.take_tcp_listener(index)? else { continue };
            socket.set_nonblocking(true)?;
            // Whoever made it may have been content with a shorter queue.
            SockRef::from(&socket).listen(BACKLOG)?;
            sockets.push((socket.local_addr()?, socket));
        }
        Ok(Self { sockets })
    }

    /// Those at the port of `address`, or a socket of our own.
    ///
    /// # Errors
    /// As [`listen`].
    pub fn at_or_listen(&mut self, address: SocketAddr) -> io::Result<Listeners> {
        let is_there = |(at, _): &(SocketAddr, TcpListener)| at.port() == address.port();
        let (there, others) = std::mem::take(&mut self.sockets).into_iter().partition(is_there);
        self.sockets = others;
        Self::or_listen(there, address)
    }

    /// All that are left, whatever their address, or sockets of our own.
    ///
    /// # Errors
    /// As [`listen`].
    pub fn rest_or_listen(self, address: SocketAddr) -> io::Result<Listeners> {
        Self::or_listen(self.sockets, address)
    }

    fn or_listen(sockets: Vec<(SocketAddr, TcpListener)>, address: SocketAddr) -> io::Result<Listeners> {
        if sockets.is_empty() {
            return listen(address);
        }
        Ok(Listeners::new(sockets.into_iter().map(|(_, socket)| socket).collect(), true))
    }
}
