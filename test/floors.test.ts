import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';

const src = resolve(import.meta.dirname, '../src');

/** What a folder may import besides itself and the leaves; `types:` where only types may come from there. */
const floors: Record<string, readonly string[]> = {
  policy: [],
  audit: [],
  metrics: [],
  identity: ['types:policy'],
  keys: ['types:policy', 'types:audit'],
  hsm: ['keys'],
  store: ['types:keys', 'identity', 'types:audit'],
  operations: ['keys', 'policy', 'identity', 'audit'],
  jobs: ['operations', 'keys', 'metrics', 'audit'],
  wire: ['operations', 'identity', 'metrics'],
  app: ['wire', 'jobs', 'operations', 'keys', 'policy', 'identity', 'audit', 'hsm', 'store', 'metrics'],
  cli: [
    'app',
    'wire',
    'jobs',
    'operations',
    'keys',
    'policy',
    'identity',
    'audit',
    'hsm',
    'store',
    'metrics',
  ],
};

/** Packages that one folder alone may use. */
const packages: Record<string, string> = {
  pkcs11js: 'hsm/host',
  'graphene-pk11': 'hsm/host',
  express: 'wire',
  kysely: 'store',
  'node:sqlite': 'store',
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly types: boolean;
}

function imports(): Import[] {
  return globSync('**/*.ts', { cwd: src }).flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    const statements = text.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?\sfrom\s+)?'([^']+)';/gm);
    const dynamic = text.matchAll(/\bimport\((['"])([^'"]+)\1\)/g);
    return [
      ...[...statements].map(([, types, names = '', target = '']) => {
        const inner = /\{([^}]*)\}/.exec(names)?.[1] ?? '';
        const listed = inner.split(',').filter((name) => name.trim() !== '');
        const allTypes = listed.length > 0 && listed.every((name) => name.trim().startsWith('type '));
        return { file, target, types: types !== undefined || allTypes };
      }),
      ...[...dynamic].map(([, , target = '']) => ({ file, target, types: false })),
    ];
  });
}

function folder(path: string): string | undefined {
  return path.includes('/') ? path.split('/')[0] : undefined;
}

describe('the floors', () => {
  const all = imports();

  it('are known: every folder of src has a rule', () => {
    const folders = new Set(all.map(({ file }) => folder(file)).filter((name) => name !== undefined));
    expect([...folders].filter((name) => !(name in floors))).to.deep.equal([]);
  });

  it('import only what lies below them', () => {
    const wrong = all.filter(({ file, target, types }) => {
      const from = folder(file);
      if (!target.startsWith('.') || from === undefined) return false;
      const to = folder(relative(src, resolve(dirname(join(src, file)), target)));
      if (to === undefined || to === from) return false;
      const allowed = floors[from] ?? [];
      return !(allowed.includes(to) || (types && allowed.includes(`types:${to}`)));
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).to.deep.equal([]);
  });

  it('keep each vendor package in its own folder', () => {
    const wrong = all.filter(({ file, target }) => {
      const home = packages[target];
      return home !== undefined && !file.startsWith(`${home}/`);
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).to.deep.equal([]);
  });
});
