// Stands where the participant's session stands: the researcher hears clips without one, and nothing is logged.

export const state = {};
export const log = () => {};
