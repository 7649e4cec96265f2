/* Executes short instruction sequences natively and records what they did.
 *   hostRunner INPUT OUTPUT
 * INPUT: u32 snippets, u32 cases; per snippet 32 bytes of code that end in RET; per case a struct request.
 * OUTPUT: per case a struct answer. Snippets lie at CODE, data at DATA, both below 4 GiB. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CODE ((uint8_t *)0x2000000)
#define DATA ((uint8_t *)0x1000000)
#define WINDOW (DATA + 0x800)
#define WINDOW_BYTES 128
#define SNIPPET_BYTES 32

struct state {
  uint64_t registers[16]; /* [4], RSP, is not used */
  uint64_t flags;
};
struct request {
  uint64_t snippet;
  struct state state;
  uint8_t window[WINDOW_BYTES];
};
struct answer {
  uint64_t signal;
  struct state state;
  uint8_t window[WINDOW_BYTES];
};

struct state current;
void *target;
uint64_t savedStack;
static sigjmp_buf back;

__attribute__((naked)) static void runSnippet(void) {
  __asm__ volatile(
      "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;"
      "mov %rsp, savedStack(%rip);"
      "push current+128(%rip); popfq;"
      "mov current+0(%rip), %rax; mov current+8(%rip), %rcx;"
      "mov current+16(%rip), %rdx; mov current+24(%rip), %rbx;"
      "mov current+40(%rip), %rbp; mov current+48(%rip), %rsi;"
      "mov current+56(%rip), %rdi; mov current+64(%rip), %r8;"
      "mov current+72(%rip), %r9; mov current+80(%rip), %r10;"
      "mov current+88(%rip), %r11; mov current+96(%rip), %r12;"
      "mov current+104(%rip), %r13; mov current+112(%rip), %r14;"
      "mov current+120(%rip), %r15;"
      "call *target(%rip);"
      "mov %rax, current+0(%rip); mov %rcx, current+8(%rip);"
      "mov %rdx, current+16(%rip); mov %rbx, current+24(%rip);"
      "mov %rbp, current+40(%rip); mov %rsi, current+48(%rip);"
      "mov %rdi, current+56(%rip); mov %r8, current+64(%rip);"
      "mov %r9, current+72(%rip); mov %r10, current+80(%rip);"
      "mov %r11, current+88(%rip); mov %r12, current+96(%rip);"
      "mov %r13, current+104(%rip); mov %r14, current+112(%rip);"
      "mov %r15, current+120(%rip);"
      "pushfq; popq current+128(%rip); cld;"
      "mov savedStack(%rip), %rsp;"
      "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx;"
      "ret");
}

static void onSignal(int number) { siglongjmp(back, number); }

static void *mapAt(void *address, size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void *got = mmap(address, bytes, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
  if (got != address) {
    perror("mmap");
    exit(2);
  }
  return got;
}

static void handleSignals(void) {
  static uint8_t alternative[65536];
  stack_t stack = {.ss_sp = alternative, .ss_size = sizeof alternative};
  sigaltstack(&stack, NULL);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  int signals[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
  for (int i = 0; i < 5; i++) sigaction(signals[i], &action, NULL);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  FILE *input = fopen(arguments[1], "rb");
  FILE *output = fopen(arguments[2], "wb");
  uint32_t counts[2];
  if (!input || !output || fread(counts, 4, 2, input) != 2) return 2;
  mapAt(CODE, ((size_t)counts[0] * SNIPPET_BYTES + 4096) & ~4095ull);
  mapAt(DATA, 4096);
  for (int i = 0; i < 4096; i++) DATA[i] = (uint8_t)(i * 37 + 11);
  if (fread(CODE, SNIPPET_BYTES, counts[0], input) != counts[0]) return 2;
  handleSignals();
  for (uint32_t i = 0; i < counts[1]; i++) {
    static struct request request;
    static struct answer answer;
    if (fread(&request, sizeof request, 1, input) != 1) return 2;
    memcpy(WINDOW, request.window, WINDOW_BYTES);
    current = request.state;
    target = CODE + request.snippet * SNIPPET_BYTES;
    int number = sigsetjmp(back, 0);
    if (number == 0) runSnippet();
    answer.signal = (uint64_t)number;
    answer.state = current;
    memcpy(answer.window, WINDOW, WINDOW_BYTES);
    fwrite(&answer, sizeof answer, 1, output);
  }
  return fclose(output) == 0 ? 0 : 2;
}
