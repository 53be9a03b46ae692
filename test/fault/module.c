/*
 * A PKCS#11 module that stands in front of a real one and misbehaves on command.
 *
 *   COFFER_FAULT_REAL     the real library
 *   COFFER_FAULT_CONTROL  the rules, one a line, read again whenever the file changes; none where it is missing
 *   COFFER_FAULT_CALLS    a file to which every call appends `<pid> <function>`
 *
 * A rule is `<serial> <once|always> <fault> <function> <length> <argument>`. `once` counts over all processes
 * (the first to create `<control>.taken.<serial>` has it). `length` is that of the input data, of C_DecryptInit
 * that of the additional data, or -1 for any: it tells a caller's call from a health check. The faults:
 *
 *   error  ends the real operation and answers the code `argument`
 *   stuck  answers the code `argument` without calling the library, so that the operation stays active
 *   slow   waits `argument` milliseconds first
 *   hang   never returns
 *   linger forks a process that outlives this one and holds its standard descriptors and number 3
 *   crash  lets `argument` calls of the process pass, then writes to address 0
 *   forget closes all sessions of the slot first, as a token that was reset would: it also ends the login
 *   wrong  calls the library and flips the first byte of what it gave out
 *   lie    of C_GetAttributeValue: flips the lowest bit of the attribute `argument`
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11.h"

#define ANY (-1L)
#define MAX_RULES 16

struct rule {
  unsigned long serial;
  int once, spent;
  unsigned long passed;
  char fault[16], function[40];
  long length;
  unsigned long argument;
};

enum verdict { PASS, INSTEAD, AFTER, SPOIL, LIE };

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;
static struct rule rules[MAX_RULES];
static int rule_count;
static struct stat seen;
static int calls = -1;

static void read_rules(const char *path) {
  struct stat now;
  if (stat(path, &now) != 0) {
    rule_count = 0;
    memset(&seen, 0, sizeof seen);
    return;
  }
  if (now.st_ino == seen.st_ino && now.st_size == seen.st_size && now.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec)
    return;
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  seen = now;
  rule_count = 0;
  char line[256], times[8];
  while (rule_count < MAX_RULES && fgets(line, sizeof line, file) != NULL) {
    struct rule *rule = &rules[rule_count];
    memset(rule, 0, sizeof *rule);
    if (sscanf(line, "%lu %7s %15s %39s %ld %li", &rule->serial, times, rule->fault, rule->function, &rule->length,
               (long *)&rule->argument) != 6)
      abort(); /* a rule that is misread would make a test pass for the wrong reason */
    rule->once = strcmp(times, "once") == 0;
    rule_count++;
  }
  fclose(file);
}

static int take(const char *path, struct rule *rule) {
  if (!rule->once) return 1;
  if (rule->spent) return 0;
  char taken[4096];
  snprintf(taken, sizeof taken, "%s.taken.%lu", path, rule->serial);
  rule->spent = 1;
  int file = open(taken, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return 0;
  dprintf(file, "%d\n", getpid());
  close(file);
  return 1;
}

static void count(const char *function) {
  char line[64];
  if (calls < 0) return;
  int size = snprintf(line, sizeof line, "%d %s\n", getpid(), function);
  if (write(calls, line, (size_t)size) != size) abort();
}

static void wait_milliseconds(unsigned long milliseconds) {
  struct timespec rest = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
    ;
}

static void forget(CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info;
  if (real->C_GetSessionInfo(session, &info) == CKR_OK) real->C_CloseAllSessions(info.slotID);
}

static void linger(void) {
  if (fork() != 0) return;
  /* Node marks descriptors to be closed in what is executed, so that only a plain fork has them. */
  for (int file = 4; file < 1024; file++) close(file);
  wait_milliseconds(60000);
  _exit(0);
}

static enum verdict judge(const char *function, CK_SESSION_HANDLE session, long length, CK_RV *code) {
  const char *path = getenv("COFFER_FAULT_CONTROL");
  count(function);
  if (path == NULL) return PASS;
  read_rules(path);
  for (int i = 0; i < rule_count; i++) {
    struct rule *rule = &rules[i];
    if (strcmp(rule->function, function) != 0) continue;
    if (rule->length != ANY && rule->length != length) continue;
    if (strcmp(rule->fault, "crash") == 0 && rule->passed++ < rule->argument) continue;
    if (!take(path, rule)) continue;
    *code = (CK_RV)rule->argument;
    if (strcmp(rule->fault, "error") == 0) return AFTER;
    if (strcmp(rule->fault, "stuck") == 0) return INSTEAD;
    if (strcmp(rule->fault, "wrong") == 0) return SPOIL;
    if (strcmp(rule->fault, "lie") == 0) return LIE;
    if (strcmp(rule->fault, "slow") == 0) wait_milliseconds(rule->argument);
    else if (strcmp(rule->fault, "forget") == 0) forget(session);
    else if (strcmp(rule->fault, "linger") == 0) linger();
    else if (strcmp(rule->fault, "crash") == 0) *(volatile int *)0 = 1;
    else if (strcmp(rule->fault, "hang") == 0) for (;;) pause();
    else abort();
  }
  return PASS;
}

static long aad_length(CK_MECHANISM_PTR mechanism) {
  if (mechanism == NULL || mechanism->mechanism != CKM_AES_GCM || mechanism->ulParameterLen != sizeof(CK_GCM_PARAMS))
    return ANY;
  return (long)((CK_GCM_PARAMS *)mechanism->pParameter)->ulAADLen;
}

/* Every wrapped function: its parameters, how they are passed on, its session and length, and its output. */
#define WRAP(name, parameters, arguments, session, length, out)                   \
  static CK_RV fault_##name parameters {                                          \
    CK_RV code = CKR_OK;                                                          \
    enum verdict verdict = judge(#name, session, length, &code);                  \
    if (verdict == INSTEAD) return code;                                          \
    CK_RV answer = real->name arguments;                                          \
    CK_BYTE *output = (CK_BYTE *)(out);                                           \
    if (verdict == SPOIL && answer == CKR_OK && output != NULL) output[0] ^= 0xff; \
    return verdict == AFTER ? code : answer;                                      \
  }

WRAP(C_Initialize, (CK_VOID_PTR a), (a), 0, ANY, NULL)
WRAP(C_Finalize, (CK_VOID_PTR a), (a), 0, ANY, NULL)
WRAP(C_GetSlotList, (CK_BBOOL p, CK_SLOT_ID_PTR s, CK_ULONG_PTR n), (p, s, n), 0, ANY, NULL)
WRAP(C_GetTokenInfo, (CK_SLOT_ID s, CK_TOKEN_INFO_PTR i), (s, i), 0, ANY, NULL)
WRAP(C_OpenSession, (CK_SLOT_ID s, CK_FLAGS f, CK_VOID_PTR a, CK_NOTIFY n, CK_SESSION_HANDLE_PTR h), (s, f, a, n, h),
     0, ANY, NULL)
WRAP(C_CloseSession, (CK_SESSION_HANDLE h), (h), h, ANY, NULL)
WRAP(C_Login, (CK_SESSION_HANDLE h, CK_USER_TYPE u, CK_UTF8CHAR_PTR p, CK_ULONG n), (h, u, p, n), h, ANY, NULL)
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR t, CK_ULONG n), (h, t, n), h, ANY, NULL)
WRAP(C_FindObjects, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR o, CK_ULONG m, CK_ULONG_PTR n), (h, o, m, n), h, ANY,
     NULL)
WRAP(C_EncryptInit, (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE o), (h, m, o), h, ANY, NULL)
WRAP(C_Encrypt, (CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n, CK_BYTE_PTR o, CK_ULONG_PTR m), (h, d, n, o, m), h,
     (long)n, o)
WRAP(C_DecryptInit, (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE o), (h, m, o), h, aad_length(m), NULL)
WRAP(C_Decrypt, (CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n, CK_BYTE_PTR o, CK_ULONG_PTR m), (h, d, n, o, m), h,
     (long)n, o)
WRAP(C_SignInit, (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE o), (h, m, o), h, ANY, NULL)
WRAP(C_Sign, (CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n, CK_BYTE_PTR o, CK_ULONG_PTR m), (h, d, n, o, m), h,
     (long)n, o)
WRAP(C_GenerateKey,
     (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_ATTRIBUTE_PTR t, CK_ULONG n, CK_OBJECT_HANDLE_PTR o),
     (h, m, t, n, o), h, ANY, NULL)
WRAP(C_GenerateKeyPair,
     (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_ATTRIBUTE_PTR t, CK_ULONG n, CK_ATTRIBUTE_PTR u, CK_ULONG k,
      CK_OBJECT_HANDLE_PTR o, CK_OBJECT_HANDLE_PTR p),
     (h, m, t, n, u, k, o, p), h, ANY, NULL)
WRAP(C_UnwrapKey,
     (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE k, CK_BYTE_PTR w, CK_ULONG l, CK_ATTRIBUTE_PTR t,
      CK_ULONG n, CK_OBJECT_HANDLE_PTR o),
     (h, m, k, w, l, t, n, o), h, (long)l, NULL)
WRAP(C_DeriveKey,
     (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE k, CK_ATTRIBUTE_PTR t, CK_ULONG n,
      CK_OBJECT_HANDLE_PTR o),
     (h, m, k, t, n, o), h, ANY, NULL)
WRAP(C_CreateObject, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR t, CK_ULONG n, CK_OBJECT_HANDLE_PTR o), (h, t, n, o), h,
     ANY, NULL)
WRAP(C_DestroyObject, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o), (h, o), h, ANY, NULL)
WRAP(C_GenerateRandom, (CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n), (h, d, n), h, (long)n, NULL)

static CK_RV fault_C_GetAttributeValue(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR t, CK_ULONG n) {
  CK_RV code = CKR_OK;
  enum verdict verdict = judge("C_GetAttributeValue", h, ANY, &code);
  if (verdict == INSTEAD) return code;
  CK_RV answer = real->C_GetAttributeValue(h, o, t, n);
  for (CK_ULONG i = 0; verdict == LIE && answer == CKR_OK && i < n; i++)
    if (t[i].type == code && t[i].pValue != NULL) *(CK_BYTE *)t[i].pValue ^= 1;
  return verdict == AFTER ? code : answer;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
  if (real == NULL) {
    const char *path = getenv("COFFER_FAULT_REAL"), *log = getenv("COFFER_FAULT_CALLS");
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    if (log != NULL) calls = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* a crash on command leaves no core file */
    list = *real;
#define PUT(name) list.name = fault_##name
    PUT(C_Initialize), PUT(C_Finalize), PUT(C_GetSlotList), PUT(C_GetTokenInfo), PUT(C_OpenSession);
    PUT(C_CloseSession), PUT(C_Login), PUT(C_FindObjectsInit), PUT(C_FindObjects), PUT(C_GetAttributeValue);
    PUT(C_EncryptInit), PUT(C_Encrypt), PUT(C_DecryptInit), PUT(C_Decrypt), PUT(C_SignInit), PUT(C_Sign);
    PUT(C_GenerateKey), PUT(C_GenerateKeyPair), PUT(C_UnwrapKey), PUT(C_DeriveKey), PUT(C_CreateObject), PUT(C_DestroyObject), PUT(C_GenerateRandom);
  }
  *out = &list;
  return CKR_OK;
}
