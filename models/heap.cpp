/// How jemalloc keeps a training's memory. Every step frees and takes the same large tensors: giving pages
/// back in between and taking them in pieces of 4 KiB costs more than a quarter of a training step (README).
/// jemalloc looks for the options in this variable; MALLOC_CONF overrules it.
extern "C" {
const char* malloc_conf = "thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1";
}
