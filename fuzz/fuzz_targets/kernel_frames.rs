#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nanofaas::fuzzing::kernel_frames(data));
