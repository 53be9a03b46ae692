/* Tries to trace a process and to read its memory as a debugger would; prints the errno of each, 0 where it worked. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  pid_t pid = atoi(argv[1]);
  void *address = (void *)strtoul(argv[2], NULL, 16);
  char byte;
  struct iovec here = {&byte, 1}, there = {address, 1};
  int attach = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 ? 0 : errno;
  int read = process_vm_readv(pid, &here, 1, &there, 1, 0) == 1 ? 0 : errno;
  printf("%d %d\n", attach, read);
  return 0;
}
