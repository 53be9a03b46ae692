/** Which way key material can be imported: some of the check's own making is wrapped, and taken into a session. */
import { slowFactor } from '../../request-key.ts';
import { Importer } from '../import.ts';
import { capabilitiesOf } from './keys.ts';
import type { Step } from './step.ts';

export const importStep: Step = {
  name: 'import material of every kind',
  factor: 2 * slowFactor,
  lost: [],
  run: (bench) =>
    new Importer(bench.token, bench.leave, capabilitiesOf(bench))
      .ways()
      .map((way) => ({ type: 'import', way })),
};
