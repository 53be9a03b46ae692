import { writeSync } from 'node:fs';
import { systemClock } from '../../../src/clock.ts';
import { openStoreWriter } from '../../../src/store/sqlite/open.ts';
import { newAlias, newKey, newRecord, scope } from '../../contract/store/fixture.ts';

/** Changes a store until it is killed, and says of each key that it is there, with its alias, when it is. */
const [file = ''] = process.argv.slice(2);
const writer = await openStoreWriter(file, systemClock);
if ((await writer.listAccounts()).length === 0) await writer.createAccount(scope.account, 'main');
writeSync(1, 'open\n');
async function fill(): Promise<never> {
  for (;;) {
    const key = newKey();
    const { keyId } = key;
    await writer.apply({ ...scope, type: 'key-creating', key }, undefined);
    await writer.apply(
      { ...scope, type: 'key-created', keyId },
      { ...newRecord('CreateKey'), requestID: keyId },
    );
    const alias = newAlias(`alias/${keyId}`, keyId);
    await writer.apply(
      { ...scope, type: 'alias-created', alias, from: ['Enabled'] },
      { ...newRecord('CreateAlias'), requestID: keyId },
    );
    writeSync(1, `${keyId}\n`);
  }
}
await Promise.all([fill(), fill(), fill()]);
