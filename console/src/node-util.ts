/** The one function that sharedb takes from Node's `util`. */
export function inherits(heir: { prototype: object }, parent: { prototype: object }): void {
  Object.setPrototypeOf(heir.prototype, parent.prototype)
}
