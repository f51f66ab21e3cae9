//! Chromium without a window, driven by chromedriver: WebDriver (W3C) in JSON over HTTP/1.1.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page; ends with its value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    /// The path of the session's commands.
    session: String,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// If chromedriver or Chromium is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: `apt-get install chromium chromium-driver`");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines
            .by_ref()
            .map(|line| line.expect("chromedriver says its port"))
            .find_map(|line| {
                line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver says its port");
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self { driver, port, session: String::new() };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let started = browser.command(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }}}),
        );
        browser.session = format!("/session/{}", started["sessionId"].as_str().expect("a session"));
        browser
    }

    /// Loads a page.
    pub fn open(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    /// What a script returns; a promise is waited for.
    #[must_use]
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns something true.
    ///
    /// # Panics
    /// If it does not within 20 seconds.
    pub fn wait_for(&self, script: &str) {
        for _ in 0..200 {
            if self.run(script) == true {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("never true: {script}; {:?}", self.complaints());
    }

    /// Types into the element that a CSS selector finds.
    ///
    /// # Panics
    /// If there is none.
    pub fn type_into(&self, selector: &str, text: &str) {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let element = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        self.post(&format!("/element/{}/value", element.expect(selector)), &json!({ "text": text }));
    }

    /// A command of the DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// What the console has said since the last call.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.log("browser").iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// The addresses that were asked for since the last call.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let told = self.log("performance");
        let messages = told.iter().filter_map(|entry| {
            serde_json::from_str::<Value>(entry["message"].as_str().unwrap_or_default()).ok()
        });
        messages
            .filter(|message| message["message"]["method"] == "Network.requestWillBeSent")
            .map(|message| {
                message["message"]["params"]["request"]["url"].as_str().unwrap_or_default().to_owned()
            })
            .collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        self.post("/se/log", &json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("{}{path}", self.session), body)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .expect("chromedriver listens");
        // The browser inherits the connection, so that it does not end with the answer.
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).expect("chromedriver answers");
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            if line.is_empty() {
                break;
            }
        }
        let mut content = vec![0; length];
        answer.read_exact(&mut content).expect("chromedriver answers");
        let content = String::from_utf8(content).expect("UTF-8");
        let value: Value = serde_json::from_str(&content).unwrap_or_else(|_| panic!("{path}: {content}"));
        assert!(value["value"]["error"].is_null(), "{method} {path} {body}: {}", value["value"]);
        value["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.command("DELETE", &self.session, &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
