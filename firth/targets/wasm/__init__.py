"""WebAssembly: kernels linked by wasm-ld, run in wasmtime on one thread (extra `wasm`)."""
