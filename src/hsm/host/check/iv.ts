/** What a certifier asks of IVs: nothing that can be tried. */
import { ruleStep, type Step } from './step.ts';

export const ivStep: Step = ruleStep(
  {
    id: 'iv-origin',
    group: 'boundary',
    title: 'where the IVs of AES-GCM are drawn',
    required: false,
    source: 'NIST SP 800-38D §8.2.2 and §9.1; FIPS 140-3 implementation guidance C.H',
  },
  () => ({
    verdict: 'note',
    detail:
      "outside the module: a token host draws them, from the token's random numbers mixed with its own. Such IVs are not " +
      'FIPS-approved, whatever the module is validated for',
  }),
);
