//! The program as a process: few descriptors and many clients, and a restart that nobody notices.

mod support;

use std::{
    net::TcpListener,
    os::fd::OwnedFd,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Client, StatusCode};
use serde_json::Value;
use support::{LIVENESS, encoded, process::Process, raster::tiff};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn client(idle_connections: usize) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().timeout(LIVENESS).pool_max_idle_per_host(idle_connections).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_256_descriptors_many_files_and_clients_are_served_and_health_answers() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = tiff(1);
    let files: Vec<_> = (0..300).map(|number| folder.path().join(format!("{number}.tif"))).collect();
    for file in &files {
        std::fs::write(file, &bytes).unwrap();
    }
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (allow, admin_listen) = (folder.path().to_str().unwrap(), admin.to_string());
    let flags = ["--listen", "127.0.0.1:0", "--allow", allow, "--admin-listen", &admin_listen];
    let (_process, address) = Process::start("ulimit -n 256;", Stdio::null(), &flags);
    let client = client(1);
    let health = || async { client.get(format!("http://{admin}/health")).send().await.unwrap().json::<Value>().await };

    // Clients that keep their connections, three times as many as there are descriptors.
    let crowd: Vec<_> = (0..750)
        .map(|number| {
            let url = encoded(files[number % files.len()].to_str().unwrap());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let head = format!("GET /cog/info?url={url} HTTP/1.1\r\nHost: a\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                let mut answer = vec![0; 12];
                stream.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer, b"HTTP/1.1 200");
                stream
            })
        })
        .collect();
    let mut kept = Vec::new();
    for client in crowd {
        kept.push(tokio::time::timeout(LIVENESS, client).await.expect("everybody gets a turn").unwrap());
        if kept.len().is_multiple_of(50) {
            let told = health().await.unwrap();
            assert!(told["fds"]["open"].as_u64().unwrap() <= 256, "{told}");
        }
    }
    let told = health().await.unwrap();
    assert_eq!((&told["fds"]["limit"], &told["connections"]["limit"]), (&256.into(), &112.into()));
}

#[tokio::test]
async fn the_end_of_its_terminal_stops_it_as_a_termination_does_unless_it_is_to_outlive_it() {
    let flags = ["--listen", "127.0.0.1:0", "--allow", "http://nowhere.invalid/"];
    let (process, _) = Process::start("", Stdio::null(), &flags);
    process.tell("-HUP");
    process.end();
    let (process, address) = Process::start("trap '' HUP;", Stdio::null(), &flags);
    process.tell("-HUP");
    process.tell("-HUP");
    assert_eq!(client(0).get(format!("http://{address}/livez")).send().await.unwrap().status(), StatusCode::OK);
    process.terminate();
    process.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_takes_the_sockets_over_and_no_request_is_lost() {
    // Whoever holds the socket: systemd, in practice.
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let start = || {
        let handed = Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
        let first = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$;";
        Process::start(first, handed, &["--allow", "http://nowhere.invalid/"])
    };
    let (old, address) = start();
    assert_eq!(address, at);

    let (answered, done) = (Arc::new(AtomicUsize::new(0)), tokio_util::sync::CancellationToken::new());
    let clients: Vec<_> = (0..20)
        .map(|number| {
            let (answered, done) = (Arc::clone(&answered), done.clone());
            // Half of them keep their connections, half connect anew for each request.
            let client = client(number % 2);
            tokio::spawn(async move {
                while !done.is_cancelled() {
                    let answer = client.get(format!("http://{at}/livez")).send().await.expect("no request is lost");
                    assert_eq!(answer.status(), StatusCode::OK);
                    answer.bytes().await.unwrap();
                    answered.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    let until = |more: usize| {
        let (answered, goal) = (Arc::clone(&answered), answered.load(Relaxed) + more);
        async move {
            let there = async {
                while answered.load(Relaxed) < goal {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(LIVENESS, there).await.expect("requests go on being answered");
        }
    };
    until(500).await;
    let (new, _) = tokio::task::block_in_place(start);
    old.terminate();
    tokio::task::block_in_place(|| old.end());
    until(500).await;
    done.cancel();
    for client in clients {
        client.await.unwrap();
    }
    new.terminate();
    tokio::task::block_in_place(|| new.end());
}
