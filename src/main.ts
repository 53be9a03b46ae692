/** The `coffer` command: finds the subcommand and hands it the rest of the arguments. */

// A terminal's Ctrl-C reaches every process of the group: an API process leaves it to the primary to say when.
if (process.env.COFFER_SLOT !== undefined) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

const commands: Record<
  string,
  { about: string; load: () => Promise<{ run(args: string[]): Promise<void> }> }
> = {
  init: {
    about: 'make the store, claim the token, create the account and its administrator',
    load: () => import('./cli/init.ts'),
  },
  token: { about: 'run the token tier: a supervisor and its hosts', load: () => import('./cli/token.ts') },
  account: {
    about: 'create another account with its administrator, or list those there are',
    load: () => import('./cli/account.ts'),
  },
  admin: {
    about: "recover an administrator's access, or a key whose policy locks everybody out",
    load: () => import('./cli/admin.ts'),
  },
  hsm: {
    about: 'check what a PKCS#11 token can do, and whether it keeps its keys',
    load: () => import('./cli/hsm.ts'),
  },
  keys: {
    about: 'compare the keys of the store with those of the token, and mend what is safe',
    load: () => import('./cli/keys.ts'),
  },
  serve: { about: 'run the API tier', load: () => import('./cli/serve.ts') },
  trail: { about: 'verify the trail, or follow it', load: () => import('./cli/trail.ts') },
};

const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  const list = Object.entries(commands).map(
    ([command, { about }]) => `  coffer ${command.padEnd(8)} ${about}`,
  );
  const asked = name === '' || name === 'help' || name === '--help';
  process.stderr.write(
    `${asked ? '' : `coffer: there is no command \`${name}\`\n\n`}usage:\n${list.join('\n')}\n`,
  );
  process.exitCode = asked ? 0 : 64;
} else {
  await (await command.load()).run(args);
}
