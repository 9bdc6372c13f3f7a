//! Tiny policies in WebAssembly text, so that the host is tested without the real one.

#![allow(dead_code, reason = "every test file uses some of it")]

use std::fmt::Write as _;

/// What a test policy does when an operation is called.
pub enum Reaction {
    /// Answers these bytes.
    Answer(String),
    /// Answers the first at the first call of any operation, the second at every later one.
    AnswerThen(String, String),
    /// Fails with this message.
    Fail(String),
    /// Fails with the payload as message: shows what the host sent.
    FailWithPayload,
    /// Executes `unreachable`.
    Trap,
    /// Makes a host call (binding, namespace, operation, payload), then answers these bytes.
    HostCall([String; 4], String),
}

/// A module that reacts to the given operations, and fails with `unknown operation` on all others.
pub fn guest(reactions: &[(&str, Reaction)]) -> Vec<u8> {
    let mut text = Text::default();
    let mut cases = String::new();
    for (operation, reaction) in reactions {
        let name = text.add(operation);
        let action = match reaction {
            Reaction::Answer(answer) => text.answer(answer),
            Reaction::AnswerThen(first, later) => {
                let (first, later) = (text.answer(first), text.answer(later));
                format!(
                    "(if (result i32) (i32.eq (global.get $calls) (i32.const 1)) (then {first}) (else {later}))"
                )
            }
            Reaction::Fail(message) => format!("(call $error {}) (i32.const 0)", text.add(message)),
            Reaction::FailWithPayload => {
                "(call $error (i32.const 1048576) (local.get $length)) (i32.const 0)".to_owned()
            }
            Reaction::Trap => "(unreachable)".to_owned(),
            Reaction::HostCall(parts, answer) => {
                let parts: Vec<_> = parts.iter().map(|part| text.add(part)).collect();
                let answer = text.answer(answer);
                format!(
                    "(if (result i32) (call $host_call {})
                       (then {answer})
                       (else (call $host_error (i32.const 524288))
                             (call $error (i32.const 524288) (call $host_error_len))
                             (i32.const 0)))",
                    parts.join(" ")
                )
            }
        };
        let _ = writeln!(
            cases,
            "(if (call $same (local.get $name) {name}) (then (return {action})))"
        );
    }
    let unknown = text.add("unknown operation");
    let data = &text.data;
    let module = format!(
        r#"(module
          (import "wapc" "__guest_request" (func $request (param i32 i32)))
          (import "wapc" "__guest_response" (func $response (param i32 i32)))
          (import "wapc" "__guest_error" (func $error (param i32 i32)))
          (import "wapc" "__host_call" (func $host_call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "wapc" "__host_error" (func $host_error (param i32)))
          (import "wapc" "__host_error_len" (func $host_error_len (result i32)))
          (memory (export "memory") 64)
          (global $calls (mut i32) (i32.const 0))
          {data}
          (func $same (param $a_length i32) (param $b i32) (param $b_length i32) (result i32)
            (local $at i32)
            (if (i32.ne (local.get $a_length) (local.get $b_length)) (then (return (i32.const 0))))
            (loop $next
              (if (i32.eq (local.get $at) (local.get $a_length)) (then (return (i32.const 1))))
              (if (i32.ne (i32.load8_u (local.get $at))
                          (i32.load8_u (i32.add (local.get $b) (local.get $at))))
                (then (return (i32.const 0))))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $next))
            (unreachable))
          (func (export "__guest_call") (param $name i32) (param $length i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (call $request (i32.const 0) (i32.const 1048576))
            {cases}
            (call $error {unknown})
            (i32.const 0)))"#
    );
    wat::parse_str(module).expect("the test policy is valid")
}

/// Strings in the module's memory, from address 1024 on; the operation's name is received below.
#[derive(Default)]
struct Text {
    data: String,
    length: usize,
}

impl Text {
    /// Stores a string; the two operands that point at it.
    fn add(&mut self, text: &str) -> String {
        let address = 1024 + self.length;
        self.length += text.len();
        let _ = write!(self.data, "(data (i32.const {address}) \"");
        for byte in text.bytes() {
            let _ = write!(self.data, "\\{byte:02x}");
        }
        self.data.push_str("\")");
        format!("(i32.const {address}) (i32.const {})", text.len())
    }

    fn answer(&mut self, answer: &str) -> String {
        format!("(call $response {}) (i32.const 1)", self.add(answer))
    }
}
