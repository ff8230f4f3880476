//! `millrace up` as a server: where it may listen, what it says, how it stops.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn up(data: &Path, args: &[&str], token: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(["up", "--data"]).arg(data).args(args);
    command.stderr(Stdio::piped()).stdout(Stdio::piped());
    command.env("MILLRACE_LOGGING_FORMAT", "human");
    command.env_remove("MILLRACE_API_TOKEN").env_remove("RUST_LOG");
    if let Some(token) = token {
        command.env("MILLRACE_API_TOKEN", token);
    }
    command
}

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// Reads what it says until it says where it listens.
fn address(child: &mut Child) -> String {
    let stderr = child.stderr.as_mut().expect("it is piped");
    let mut line = String::new();
    let mut reader = BufReader::new(stderr);
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).expect("it is UTF-8") > 0, "it ended");
        if let Some((_, address)) = line.split_once("listening on http://") {
            return address.trim().to_owned();
        }
    }
}

fn get(address: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn refused(command: &mut Command, status: i32, said: &[&str]) {
    let output = command.output().expect("the command that was just built starts");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in said {
        assert!(stderr.contains(part), "{stderr:?} says {part:?}");
    }
}

#[test]
fn it_listens_only_where_it_may() {
    let data = scratch("serve-refused");
    refused(
        &mut up(&data, &["--listen", "0.0.0.0:0"], None),
        2,
        &["--insecure", "MILLRACE_API_TOKEN"],
    );
    // A name that means every address.
    refused(&mut up(&data, &["--listen", "0:0"], None), 2, &["--insecure"]);
    for wrong in [
        "nowhere",
        "localhost",
        "localhost:",
        ":8080",
        "localhost:65536",
        "two words:80",
    ] {
        let mut command = up(&data, &["--listen", wrong], None);
        refused(&mut command, 2, &[wrong, "127.0.0.1:8080"]);
    }
    refused(
        &mut up(&data, &["--listen", "no-such-host.invalid:8080"], None),
        3,
        &["no-such-host.invalid:8080", "no address of that name"],
    );
    refused(
        &mut up(&data, &["--listen", "127.0.0.1:0"], Some("two words")),
        2,
        &["MILLRACE_API_TOKEN"],
    );
    let held = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = held.local_addr().expect("it has an address").to_string();
    refused(
        &mut up(&data, &["--listen", &taken], None),
        3,
        &[&taken, "in use"],
    );
    drop(held);
    assert!(!data.exists(), "nothing was made");
}

#[test]
fn it_serves_until_it_is_told_to_stop() {
    let data = scratch("serve-up");
    let mut child = up(&data, &["--listen", "localhost:0"], Some("s3cret"))
        .spawn()
        .expect("the command that was just built starts");
    let address = address(&mut child);
    assert!(get(&address, "/healthz", "").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/v1/orders", "").starts_with("HTTP/1.1 401"));
    let orders = get(&address, "/v1/orders", "s3cret");
    assert!(
        orders.starts_with("HTTP/1.1 200") && orders.contains("\"items\":[]"),
        "{orders}"
    );
    let metrics = get(&address, "/metrics", "s3cret");
    assert!(
        metrics.contains("millrace_size_bytes{what=\"state\"}"),
        "{metrics}"
    );
    let told = Command::new("kill").arg(child.id().to_string()).status();
    assert!(told.expect("there is a kill command").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
}
