#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nanofaas::fuzzing::worker_line(data));
