//! How the page calls: buffers of this module's memory, with JSON or text in them. Whoever gets a buffer owns it.

// The page can only be reached by pointers.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;

use datakit_policy_host::policy::{Engine, Guest, HostCall, Policy, PolicyError};
use serde::{Deserialize, Serialize};

use crate::{Input, look};

/// The policy, in a section of the module, which the page finds by its name. Packed in one file, the two share what they
/// have in common.
#[cfg(feature = "carrier")]
#[allow(dead_code)] // The section is made of it all the same.
#[unsafe(link_section = "policy")]
static POLICY: [u8; include_bytes!("../../../policy.wasm").len()] =
    *include_bytes!("../../../policy.wasm");

#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Calls an operation of the policy in a fresh instance, which may call `host` meanwhile. Leaves the texts with the
    /// caller, and gives a buffer with a result of texts.
    fn call_policy(
        operation: *const u8,
        operation_length: usize,
        payload: *const u8,
        payload_length: usize,
        host: *const c_void,
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
        Ok(input) => look(Policy::run_by(Page), &input),
        Err(error) => panic!("the page does not send what is expected: {error}"),
    };
    written(&output)
}

/// What the policy asks of its host.
#[derive(Deserialize)]
struct Call {
    /// Binding, namespace and operation.
    name: [String; 3],
    payload: String,
}

/// Answers the policy, while it is called: takes a [`Call`] and gives a result of texts.
///
/// # Safety
/// `host` has to be what [`call_policy`] was called with and has not returned to, and the call a buffer of this module
/// that was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call_host(host: *const c_void, call: *mut Buffer) -> *mut Buffer {
    // SAFETY: the caller says so.
    let (host, call) = unsafe { (&*host.cast::<HostCall>(), Buffer::take(call)) };
    let answer = serde_json::from_slice::<Call>(&call)
        .map_err(Into::into)
        .and_then(|call| {
            host(
                call.name.each_ref().map(String::as_str),
                call.payload.as_bytes(),
            )
        })
        .and_then(|answer| Ok(String::from_utf8(answer)?));
    written(&answer.map_err(|error| error.to_string()))
}

fn written(value: &impl Serialize) -> *mut Buffer {
    match serde_json::to_vec(value) {
        Ok(text) => Box::into_raw(Box::new(Buffer::of(text))),
        Err(error) => panic!("this is not JSON: {error}"),
    }
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

impl Guest for Started {
    fn call(&self, operation: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        // SAFETY: the page reads the two, calls the host before it returns, and gives a buffer that it has reserved.
        let answer = unsafe {
            Buffer::take(call_policy(
                operation.as_ptr(),
                operation.len(),
                payload.as_ptr(),
                payload.len(),
                (&raw const self.host).cast(),
            ))
        };
        serde_json::from_slice::<Result<String, String>>(&answer)
            .map_err(|error| error.to_string())?
            .map(String::into_bytes)
    }
}
