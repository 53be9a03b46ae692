/** `coffer hsm check`. */
export async function run(args: string[]): Promise<void> {
  const [name = '', ...rest] = args;
  if (name === 'check') return (await import('./hsm-check.ts')).run(rest);
  process.stderr.write(
    [
      ...(name === '' ? [] : [`coffer hsm: there is no command \`${name}\``, '']),
      'usage:',
      '  coffer hsm check --config FILE [--json]',
      '  coffer hsm check --module LIBRARY (--label LABEL | --serial SERIAL) --pin-file FILE',
      '                   [--environment NAME=VALUE …] [--library-parameters TEXT] [--deadline MILLISECONDS] [--json]',
      '',
    ].join('\n'),
  );
  process.exitCode = 64;
}
