//! The accept loop with real sockets: bounds hold and a stop drains.

use std::{net::SocketAddr, time::Duration};

use aurora_daemon::serve::{Bounds, Connections, listen, serve};
use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

fn start(connections: usize, bounds: Bounds) -> (SocketAddr, CancellationToken, JoinHandle<()>, Connections) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let router = Router::new().route("/", get(|| async { "hello" })).route("/slow", get(slow));
    let stop = CancellationToken::new();
    let connections = Connections::new(connections);
    let task = tokio::spawn(serve(listener, router, connections.clone(), bounds, stop.clone()));
    (address, stop, task, connections)
}

async fn get_path(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_stop_lets_a_request_finish() {
    let (address, stop, task, _) = start(10, Bounds::default());
    let request = tokio::spawn(async move { get_path(address, "/slow").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    assert!(request.await.unwrap().ends_with("slow"));
    task.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "still listening after the stop");
}

#[tokio::test]
async fn more_clients_than_connections_are_all_served_in_turn() {
    let (address, _stop, _task, connections) = start(2, Bounds::default());
    let requests: Vec<_> = (0..20).map(|_| tokio::spawn(get_path(address, "/"))).collect();
    for request in requests {
        assert!(request.await.unwrap().ends_with("hello"));
    }
    assert_eq!(connections.limit(), 2);
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_closed() {
    let bounds = Bounds { header_timeout: Duration::from_millis(200), ..Bounds::default() };
    let (address, ..) = start(10, bounds);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection stayed open");
}
