/** What `scripts/start` does once everything is installed. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
// The options count when the configuration is first written; afterwards coffer.json says how it is.
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    token: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8600' },
    'plain-http': { type: 'boolean', default: false },
  },
});
const data = resolve(positionals[0] ?? join(root, 'data'));
const tokenFolder = resolve(options.token ?? join(data, 'token'));
const configFile = join(data, 'coffer.json');
const credentialsFile = join(data, 'credentials');

/** Runs one of our commands. @returns what it printed, as JSON */
async function command(...args: string[]): Promise<Record<string, unknown>> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((ended) => child.on('exit', ended));
  if (code !== 0) process.exit(1);
  return JSON.parse(output);
}

/** A Unix socket's path has at most 107 bytes, and this folder may lie deep. */
function socketFolder(): string {
  const folder = join(data, 'run');
  if (Buffer.byteLength(join(folder, 'host-00.sock')) < 100) return folder;
  const short = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return join(tmpdir(), `coffer-${userInfo().uid}-${short}`);
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

const existed = existsSync(credentialsFile);
mkdirSync(data, { recursive: true, mode: 0o700 });
const token = await command('softhsm/initialise.ts', tokenFolder);
if (!existsSync(configFile)) {
  const config = {
    region: 'us-east-1',
    listen: { host: options.host, port: Number(options.port), plainHttp: options['plain-http'] },
    store: { file: 'store/coffer.db' },
    trail: { folder: 'trail' },
    token: { ...token, socketFolder: socketFolder(), start: true },
    log: { level: 'warn' },
  };
  writeFileSync(configFile, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
const { account, accessKeyId } = await command(
  'src/main.ts',
  'init',
  '--config',
  configFile,
  '--credentials',
  credentialsFile,
);

function welcome(url: string): string {
  return `
Coffer: the AWS KMS API on your own HSM

  ${existed ? 'found' : 'made '}    everything in ${shown(data)}/ (git-ignored, yours alone)
  token    SoftHSM \`${token.label}\`; its PIN is random, in ${shown(String(token.pinFile))}
  account  ${account}, with an administrator whose access key is ${accessKeyId}
  profile  \`coffer\` in ${shown(credentialsFile)} (your ~/.aws is left alone)
  trail    every request, one JSON line each, in ${shown(join(data, 'trail'))}/
  serving  ${url}, region us-east-1, until Ctrl-C

  API tier and token tier run under one user here. That is for development: the README tells how to part them.

Paste this into another terminal:

  export AWS_SHARED_CREDENTIALS_FILE='${credentialsFile}' AWS_CONFIG_FILE='${join(data, 'config')}' AWS_PROFILE=coffer
  kms() { aws --endpoint-url ${url} kms "$@"; }

  key=$(kms create-key --description 'my first key' --query KeyMetadata.KeyId --output text)
  printf 'attack at dawn' > plain.txt
  kms encrypt --key-id "$key" --plaintext fileb://plain.txt --query CiphertextBlob --output text | base64 -d > sealed.bin
  kms decrypt --ciphertext-blob fileb://sealed.bin --query Plaintext --output text | base64 -d

`;
}

process.stdout.on('error', () => undefined);
const serve = spawn(process.execPath, ['src/main.ts', 'serve', '--config', configFile], {
  cwd: root,
  // The channel says nothing: the service ends where it closes, however this process was ended.
  stdio: ['inherit', 'pipe', 'inherit', 'ipc'],
});
// A terminal's Ctrl-C reaches the service too: asked twice, it ends once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => serve.kill('SIGTERM'));
let printed = '';
serve.stdout?.on('data', (chunk: Buffer) => {
  const text = chunk.toString();
  const before = printed;
  printed += text;
  const url = /^coffer: serving on (\S+)$/m;
  const served = url.exec(printed);
  if (served?.[1] !== undefined && !url.test(before))
    process.stdout.write(welcome(served[1].replace('0.0.0.0', '127.0.0.1')));
  else process.stdout.write(text);
});
serve.on('exit', (code) => process.exit(code ?? 1));
