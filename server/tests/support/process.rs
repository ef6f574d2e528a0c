//! The program as a process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A server that ends with the test.
pub(crate) struct Process(Child);

impl Process {
    /// Runs the server by a shell, which does `first` before, with `stdin` as its descriptor 0; waits until it serves
    /// and returns its address.
    pub(crate) fn start(first: &str, stdin: Stdio, flags: &[&str]) -> (Self, SocketAddr) {
        let script = format!("{first} exec \"$0\" --log json \"$@\"");
        // Whoever runs the tests may have them outlive a terminal, which children inherit and no shell can take back.
        let mut child = Command::new("env")
            .args(["--default-signal=HUP", "sh", "-c", &script, env!("CARGO_BIN_EXE_aurora-server")])
            .args(flags)
            .stdin(stdin)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server tells that it serves").unwrap();
            let told: Value = serde_json::from_str(&line).unwrap_or_default();
            if told["message"] == "serving" {
                break told["address"].as_str().unwrap().parse().unwrap();
            }
        };
        // Its log must go somewhere, or it would stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), address)
    }

    pub(crate) fn terminate(&self) {
        self.tell("-TERM");
    }

    pub(crate) fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    pub(crate) fn end(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
