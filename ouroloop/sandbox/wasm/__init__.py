"""The WASM sandbox: CPython on WASI under wasmtime."""
