#pragma once

/// Copies of a function for the instruction sets worth having; the loader picks one for the machine. The
/// function must contain its loops itself (inlined ones count).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SPIKELOOP_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SPIKELOOP_CLONES
#endif
#define SPIKELOOP_INLINE inline __attribute__((always_inline))
