// A table that scrolls can be scrolled by the keyboard, too. The theme makes the box around it after this file has run.
const reachable = () => document.querySelectorAll(".md-typeset__scrollwrap").forEach((one) => {
  one.tabIndex = one.scrollWidth > one.clientWidth ? 0 : -1;
});
addEventListener("load", () => setTimeout(reachable, 100));
addEventListener("resize", reachable);
// The theme's search is a dialog without a name.
document.querySelector(".md-search")?.setAttribute("aria-label", document.querySelector(".md-search__input").placeholder);
