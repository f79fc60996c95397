/** What a tenant decided about its working day. Times are `HH:MM` in `timeZone`. */
export type Policy = {
  timeZone: string
  dccbs: readonly string[]
  departments: readonly string[]
}

/** What holds while a tenant has decided nothing (contracts/satshine.md, section 8). */
const defaultPolicy: Policy = {
  timeZone: 'Asia/Kolkata',
  dccbs: [
    'AHMEDABAD',
    'BANASKANTHA',
    'BARODA',
    'MAHESANA',
    'SABARKANTHA',
    'BHARUCH',
    'KHEDA',
    'PANCHMAHAL',
    'SURENDRANAGAR',
    'JAMNAGAR',
    'JUNAGADH',
    'KODINAR',
    'KUTCH',
    'VALSAD',
    'AMRELI',
    'BHAVNAGAR',
    'RAJKOT',
    'SURAT',
  ],
  departments: ['HR', 'SPMU', 'Central Tech Support', 'CCR', 'Field Support', 'IT Admin'],
}

/** The policy of a tenant. */
export const policyOf = async (): Promise<Policy> => defaultPolicy
