// Where the study is: under the path that a proxy gives it, such as /listening, or at the root of an address.

const ROOT = new URL("..", location.href).pathname.slice(0, -1); // this page is /study/ in it

export const at = (path) => ROOT + path;
