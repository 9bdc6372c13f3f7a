//! A waPC host that counts: the instructions that a request costs (wasmtime's fuel) and the linear memory that it
//! takes. Both are the same on every machine, unlike a time.

use std::ops::ControlFlow;

use datakit_policy_host::policy::Answer;
use wasmtime::{
    Caller, Config, Engine, Instance, InstancePre, Linker, Memory, Module, Store, StoreLimits,
    StoreLimitsBuilder, TypedFunc,
};

/// What one instance may take; more is a trap, and fails the test.
const MOST_FUEL: u64 = 20_000_000_000;
const MOST_MEMORY: usize = 256 << 20;

/// A module, compiled so that it counts.
pub struct Counted(InstancePre<Wapc>);

impl Counted {
    /// Compiles and links a module.
    ///
    /// # Panics
    /// It is no policy.
    #[must_use]
    pub fn new(module: &[u8]) -> Self {
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, module).unwrap();
        Self(linker(&engine).instantiate_pre(&module).unwrap())
    }

    /// A fresh instance, started as hosts start it.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn instance(&self) -> Meter {
        Meter::new(&self.0)
    }

    /// What `validate` answers and costs in a fresh instance.
    ///
    /// # Panics
    /// The policy traps, or answers with an error.
    #[track_caller]
    #[must_use]
    pub fn validate(&self, payload: &[u8]) -> Metered {
        self.instance().call("validate", payload)
    }
}

/// The host's side of waPC, for one call at a time.
#[derive(Default)]
struct Wapc {
    operation: Vec<u8>,
    payload: Vec<u8>,
    outcome: Option<Outcome>,
    limits: StoreLimits,
}

/// An answer and what it cost.
#[derive(Debug)]
pub struct Metered {
    pub bytes: Vec<u8>,
    /// Roughly the number of WebAssembly instructions.
    pub fuel: u64,
    /// The linear memory of the instance after the call, which never gets smaller.
    pub memory: u64,
}

impl Metered {
    /// The answer to `validate`; it has to be an acceptance.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    #[must_use]
    pub fn answer(&self) -> Answer {
        let answer: Answer = serde_json::from_slice(&self.bytes).unwrap();
        assert!(answer.accepted);
        assert_eq!((&answer.message, answer.code), (&None, None));
        answer
    }
}

/// An instance that is counted.
pub struct Meter {
    store: Store<Wapc>,
    guest_call: TypedFunc<(i32, i32), i32>,
    memory: Memory,
}

impl Meter {
    fn new(pre: &InstancePre<Wapc>) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MOST_MEMORY)
            .trap_on_grow_failure(true)
            .build();
        let wapc = Wapc {
            limits,
            ..Wapc::default()
        };
        let mut store = Store::new(pre.module().engine(), wapc);
        store.limiter(|wapc| &mut wapc.limits);
        store.set_fuel(MOST_FUEL).unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        let start: TypedFunc<(), ()> = export(&instance, &mut store, "wapc_init");
        start.call(&mut store, ()).unwrap();
        Self {
            guest_call: export(&instance, &mut store, "__guest_call"),
            memory: instance.get_memory(&mut store, "memory").unwrap(),
            store,
        }
    }

    /// Calls an operation.
    ///
    /// # Panics
    /// The policy traps, or answers with an error or not at all.
    #[track_caller]
    pub fn call(&mut self, operation: &str, payload: &[u8]) -> Metered {
        let wapc = self.store.data_mut();
        wapc.operation = operation.into();
        wapc.payload = payload.into();
        wapc.outcome = None;
        let lengths = [operation.len(), payload.len()].map(|length| i32::try_from(length).unwrap());
        self.store.set_fuel(MOST_FUEL).unwrap();
        let success = self
            .guest_call
            .call(&mut self.store, lengths.into())
            .unwrap();
        let fuel = MOST_FUEL - self.store.get_fuel().unwrap();
        match self.store.data_mut().outcome.take() {
            Some(ControlFlow::Continue(bytes)) if success == 1 => Metered {
                bytes,
                fuel,
                memory: u64::try_from(self.memory.data_size(&self.store)).unwrap(),
            },
            outcome => panic!("the guest answers {success}, {outcome:?}"),
        }
    }
}

fn export<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
    instance: &Instance,
    store: &mut Store<Wapc>,
    name: &str,
) -> TypedFunc<P, R> {
    instance.get_typed_func(store, name).unwrap()
}

/// The imports of a guest. This host takes no calls: the policy asks nothing of a cluster, and may not fail where its
/// logs are not taken.
fn linker(engine: &Engine) -> Linker<Wapc> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("wapc", "__guest_request", guest_request)
        .unwrap()
        .func_wrap(
            "wapc",
            "__guest_response",
            |caller: Caller<'_, Wapc>, start: i32, length: i32| {
                keep(caller, start, length, ControlFlow::Continue);
            },
        )
        .unwrap()
        .func_wrap(
            "wapc",
            "__guest_error",
            |caller: Caller<'_, Wapc>, start: i32, length: i32| {
                keep(caller, start, length, ControlFlow::Break);
            },
        )
        .unwrap()
        .func_wrap(
            "wapc",
            "__host_call",
            |_: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32, _: i32| 0_i32,
        )
        .unwrap()
        .func_wrap("wapc", "__host_response_len", || 0_i32)
        .unwrap()
        .func_wrap("wapc", "__host_response", |_: i32| {})
        .unwrap()
        .func_wrap("wapc", "__host_error_len", || 0_i32)
        .unwrap()
        .func_wrap("wapc", "__host_error", |_: i32| {})
        .unwrap();
    linker
}

fn memory(caller: &mut Caller<'_, Wapc>) -> Memory {
    caller.get_export("memory").unwrap().into_memory().unwrap()
}

fn guest_request(mut caller: Caller<'_, Wapc>, operation: i32, payload: i32) {
    let (memory, wapc) = memory(&mut caller).data_and_store_mut(&mut caller);
    for (start, bytes) in [(operation, &wapc.operation), (payload, &wapc.payload)] {
        let start = start as u32 as usize;
        memory[start..start + bytes.len()].copy_from_slice(bytes);
    }
}

/// What the guest ended with: an error, or its answer.
type Outcome = ControlFlow<Vec<u8>, Vec<u8>>;

fn keep(mut caller: Caller<'_, Wapc>, start: i32, length: i32, outcome: fn(Vec<u8>) -> Outcome) {
    let (memory, wapc) = memory(&mut caller).data_and_store_mut(&mut caller);
    let (start, length) = (start as u32 as usize, length as u32 as usize);
    wapc.outcome = Some(outcome(memory[start..start + length].to_vec()));
}
