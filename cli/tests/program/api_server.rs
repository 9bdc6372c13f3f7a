//! Stands in for an API server: answers lists of objects, page by page, on the loopback interface.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What it answers for a path: pages of a list, or an error with its code and message.
pub enum Reply {
    Pages(Vec<Vec<Value>>),
    Error(u16, &'static str),
}

/// An API server that ends with the test's process.
pub struct ApiServer {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ApiServer {
    /// Serves these paths; all others are lists without objects.
    pub fn serving(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let replies: BTreeMap<_, _> = replies.into_iter().collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &replies, &heard);
            }
        });
        Self { address, asked }
    }

    /// A kubeconfig for it, with a context in the namespace `shop`.
    pub fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{
                "name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}
            }]
        })
        .to_string()
    }

    /// What it was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers the one request of a connection.
fn answer(stream: &TcpStream, replies: &BTreeMap<&str, Reply>, heard: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    let target = first.split(' ').nth(1).unwrap().to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (code, body) = reply(replies.get(path), query);
    heard.lock().unwrap().push(target);
    let text = body.to_string();
    write!(
        &mut &*stream,
        "HTTP/1.1 {code} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
}

fn reply(reply: Option<&Reply>, query: &str) -> (u16, Value) {
    let pages = match reply {
        None => return (200, list(&[], None)),
        Some(Reply::Error(code, message)) => {
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message
            });
            return (*code, status);
        }
        Some(Reply::Pages(pages)) => pages,
    };
    let token = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("continue="));
    let page: usize = token.map_or(0, |token| token.parse().unwrap());
    let next = (page + 1 < pages.len()).then(|| (page + 1).to_string());
    (200, list(&pages[page], next.as_deref()))
}

fn list(items: &[Value], next: Option<&str>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"continue": next}, "items": items})
}
