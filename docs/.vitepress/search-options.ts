/** How MiniSearch ranks. VitePress sends this function to the browser as text: it can use nothing from outside. */
export const searchOptions = {
  boostDocument: (id: string): number => (id.startsWith("/api/") ? 0.2 : 1),
};
