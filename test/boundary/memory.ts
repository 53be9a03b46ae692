import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** The forms in which bytes may lie about in a process. */
export function formsOf(name: string, bytes: Buffer): Map<string, Buffer> {
  const forms = new Map([[`${name}, as it is`, bytes]]);
  const texts: [string, string][] = [
    ['base64', bytes.toString('base64').replace(/=+$/, '')],
    ['base64url', bytes.toString('base64url')],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
  ];
  for (const [form, text] of texts) {
    forms.set(`${name}, as ${form}`, Buffer.from(text, 'latin1'));
    forms.set(`${name}, as ${form} in UTF-16`, Buffer.from(text, 'utf16le'));
  }
  // A string of characters above Latin-1 beside it makes V8 keep the whole in two bytes each.
  forms.set(`${name}, in UTF-16`, Buffer.from(bytes.toString('latin1'), 'utf16le'));
  return forms;
}

const chunkBytes = 8 * 1024 * 1024;

/**
 * Reads all memory of a process that it may have written to.
 * @param needles what to look for, by name
 * @returns the names of what was found
 */
export function searchMemory(pid: number, needles: ReadonlyMap<string, Buffer>): string[] {
  const longest = Math.max(...[...needles.values()].map((needle) => needle.length));
  const found = new Set<string>();
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { start, end } of writtenRuns(pid)) {
      for (let offset = start; offset < end; offset += chunkBytes - longest) {
        const size = read(memory, chunk, offset, Math.min(chunkBytes, end - offset));
        const part = chunk.subarray(0, size);
        for (const [name, needle] of needles) if (!found.has(name) && part.includes(needle)) found.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}

function read(memory: number, chunk: Buffer, offset: number, length: number): number {
  try {
    return readSync(memory, chunk, 0, length, offset);
  } catch (error) {
    // A region that was unmapped since the list was read, or one of the kernel's own.
    if (error instanceof Error && 'code' in error && (error.code === 'EIO' || error.code === 'EFAULT'))
      return 0;
    throw error;
  }
}

const pageBytes = 4096;

/** Runs of writable pages that are there, in memory or swapped out: what was never touched holds nothing. */
function* writtenRuns(pid: number): Generator<{ start: number; end: number }> {
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const start = Number.parseInt(from, 16);
      const pages = (Number.parseInt(to, 16) - start) / pageBytes;
      const entries = new Uint32Array(pages * 2);
      readSync(pagemap, entries, 0, entries.byteLength, (start / pageBytes) * 8);
      let run = -1;
      for (let page = 0; page <= pages; page++) {
        // Bits 63 and 62 of an entry: present, swapped (the kernel's admin-guide/mm/pagemap).
        const there = page < pages && (entries[page * 2 + 1] ?? 0) >= 0x4000_0000;
        if (there && run < 0) run = page;
        if (there || run < 0) continue;
        yield { start: start + run * pageBytes, end: start + page * pageBytes };
        run = -1;
      }
    }
  } finally {
    closeSync(pagemap);
  }
}

/** The files that are mapped in a process. */
export function mappedFiles(pid: number): string[] {
  const files = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .map((line) => line.split(/\s+/, 6)[5] ?? '');
  return [...new Set(files.filter((file) => file.startsWith('/')))];
}
