//! How the page calls: buffers of this module's memory, with JSON or text in them. Whoever gets a buffer owns it.

// The page can only be reached by pointers.
#![allow(unsafe_code)]

use std::ptr;

use datakit_policy_host::policy::{Engine, Guest, HostCall, Policy, PolicyError};
use serde::Deserialize;
use serde_json::Value;

use crate::{Input, Output, look};

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Calls an operation of the policy in a fresh instance. Leaves the buffers with the caller.
    fn call_policy(
        operation: *const u8,
        operation_length: usize,
        payload: *const u8,
        payload_length: usize,
    ) -> *mut Buffer;
}

/// A buffer, as the other side sees it: two numbers of 32 bits.
#[repr(C)]
pub struct Buffer {
    begin: *mut u8,
    length: usize,
}

impl Buffer {
    fn of(bytes: Vec<u8>) -> Self {
        let bytes = Box::leak(bytes.into_boxed_slice());
        Self {
            begin: bytes.as_mut_ptr(),
            length: bytes.len(),
        }
    }

    /// # Safety
    /// It has to come from [`Buffer::of`], and not have been taken before.
    unsafe fn take(buffer: *mut Self) -> Vec<u8> {
        // SAFETY: it was made of a box, as was what it points to.
        unsafe {
            let buffer = Box::from_raw(buffer);
            Box::from_raw(ptr::slice_from_raw_parts_mut(buffer.begin, buffer.length)).into_vec()
        }
    }
}

/// A buffer of zeros, for the page to write to.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut Buffer {
    Box::into_raw(Box::new(Buffer::of(vec![0; length])))
}

/// Gives a buffer back.
///
/// # Safety
/// It has to come from this module, and not have been given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(buffer: *mut Buffer) {
    // SAFETY: the caller says so.
    drop(unsafe { Buffer::take(buffer) });
}

/// Takes an [`Input`] and gives an [`Output`].
///
/// # Safety
/// The input has to be a buffer of this module that was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ask(input: *mut Buffer) -> *mut Buffer {
    // SAFETY: the caller says so.
    let input = unsafe { Buffer::take(input) };
    let output = match serde_json::from_slice::<Input>(&input) {
        Ok(input) => look(Policy::run_by(Page), input),
        Err(error) => panic!("the page does not send what is expected: {error}"),
    };
    Box::into_raw(Box::new(Buffer::of(text(&output))))
}

fn text(output: &Output) -> Vec<u8> {
    serde_json::to_vec(output).unwrap_or_else(|error| panic!("the output is not JSON: {error}"))
}

/// The page runs the policy.
struct Page;

impl Engine for Page {
    fn start(&self, host: HostCall) -> Result<Box<dyn Guest>, PolicyError> {
        Ok(Box::new(Started { host }))
    }
}

struct Started {
    host: HostCall,
}

/// What the page says of a call.
#[derive(Deserialize)]
struct Said {
    answer: Result<String, String>,
    /// What the policy asked of its host meanwhile, in its order: lines for the log.
    logs: Vec<Value>,
}

impl Guest for Started {
    fn call(&self, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        // SAFETY: the page reads the two, and gives a buffer that it has reserved.
        let said = unsafe {
            Buffer::take(call_policy(
                operation.as_ptr(),
                operation.len(),
                payload.as_ptr(),
                payload.len(),
            ))
        };
        let said: Said = serde_json::from_slice(&said).map_err(|error| error.to_string())?;
        for line in said.logs {
            let line = line.to_string();
            (self.host)(["kubewarden", "tracing", "log"], line.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        said.answer.map(String::into_bytes)
    }
}
