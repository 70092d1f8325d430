// How jemalloc, where the program is linked with it, gives memory back.
//
// By default freed pages are returned only when a thread happens to allocate again: after a storm of connects an idle
// server would keep what the requests used, about 350 B a connection. A background thread returns them after a second;
// that long they are reused, so that segments of logs under load do not come from the kernel each time.
extern "C" {
extern const char* malloc_conf;
__attribute__((used, visibility("default"))) const char* malloc_conf =
    "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
}
