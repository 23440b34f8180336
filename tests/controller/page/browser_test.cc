// The page in a real browser: does it fit a phone, and does hostile text stay text?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/page/html.h"
#include "tests/controller/page/sample_page.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// Tries to become an element, an attribute, a script, and to be longer than any screen.
const std::string kHostile = absl::StrCat(
    "</code></td></pre></title></style><script>parent.pwned=1</script>"
    "<img src=x onerror=\"parent.pwned=1\"><h1 id=pwned>\" onclick='parent.pwned=1' ]]>--&#62;",
    "\xE2\x80\xAE", std::string(400, 'W'));

// Shows the page in frames as wide as a phone, a tablet and a desk, and says what it finds.
constexpr char kHarness[] = R"html(<!DOCTYPE html><meta charset="utf-8"><body>
<script id="page" type="application/json">%PAGE%</script><pre id="found"></pre><script>
const page = JSON.parse(document.getElementById("page").textContent);
const found = {widths: []};
let open = 0;
for (const width of [320, 390, 768, 1280]) {
  const frame = document.createElement("iframe");
  frame.style.width = width + "px"; frame.style.height = "900px"; frame.style.border = 0;
  ++open;
  frame.onload = () => {
    const inside = frame.contentDocument;
    const root = inside.documentElement;
    found.widths.push([width, root.clientWidth, root.scrollWidth]);
    found.active = inside.querySelectorAll("script,img,iframe,object,embed,link,a,form,svg").length;
    found.ids = inside.querySelectorAll("[id],[onclick],[onerror]").length;
    found.text = inside.body.innerText;
    found.nodes = [...inside.querySelectorAll("tbody tr strong")].map(e => e.textContent);
    found.ink = frame.contentWindow.getComputedStyle(inside.body).color;
    found.title = inside.title;
    if (--open == 0) {
      found.pwned = window.pwned === 1 || inside.getElementById("pwned") !== null;
      document.getElementById("found").textContent = JSON.stringify(found);
      document.getElementById("page").remove();
    }
  };
  frame.srcdoc = page;
  document.body.append(frame);
}
</script>)html";

std::string Output(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, got);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

std::string Chromium(const Scratch& scratch) {
  return absl::StrCat(
      "timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
      "--disable-background-networking --disable-component-update --disable-sync "
      "--disable-dev-shm-usage --user-data-dir=",
      scratch / "profile", " ");
}

// What stands between the harness's tags, with the entities of its serialization undone.
json Found(std::string dom) {
  const std::string begin = "<pre id=\"found\">";
  const size_t from = dom.find(begin);
  if (from == std::string::npos) return json();
  dom = dom.substr(from + begin.size(), dom.find("</pre>", from) - from - begin.size());
  for (const auto& [entity, character] :
       {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&nbsp;", " "}, {"&amp;", "&"}}) {
    for (size_t at = 0; (at = dom.find(entity, at)) != std::string::npos; ++at) {
      dom.replace(at, std::string(entity).size(), character);
    }
  }
  return json::parse(dom, nullptr, false);
}

json Look(const std::string& page) {
  const Scratch scratch;
  std::string harness = kHarness;
  std::string text = json(page).dump();
  // "</script>" must not end the harness's own.
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos;)
    text.replace(at, 1, "\\u003c");
  harness.replace(harness.find("%PAGE%"), 6, text);
  WriteFile(scratch / "harness.html", harness);
  return Found(
      Output(absl::StrCat(Chromium(scratch), "--dump-dom --virtual-time-budget=10000 file://",
                          scratch / "harness.html", " 2>/dev/null")));
}

TEST(BrowserTest, ThePageFitsAnyScreenAndHostileTextStaysText) {
  const Evidence evidence = SampleEvidence(v1::MODE_APPLY, kHostile);
  const json found = Look(RenderPage(SampleInput(evidence)));
  ASSERT_TRUE(found.is_object()) << "the browser has not shown the page";
  ASSERT_EQ(found["widths"].size(), 4u);
  for (const json& width : found["widths"]) EXPECT_EQ(width[2], width[1]) << width[0];
  EXPECT_EQ(found["pwned"], false);
  EXPECT_EQ(found["active"], 0);
  EXPECT_EQ(found["ids"], 0);
  EXPECT_THAT(found["text"].get<std::string>(),
              AllOf(HasSubstr("<script>parent.pwned=1</script>"), HasSubstr("<U+202E>"),
                    HasSubstr("0755"), HasSubstr("0777"), HasSubstr("alice@bastion")));
  EXPECT_THAT(found["nodes"], testing::IsSupersetOf({json("node-1"), json("node-2"), json("node-3"),
                                                     json("node-4")}));
  EXPECT_EQ(found["ink"], "rgb(22, 32, 43)");
  EXPECT_THAT(found["title"].get<std::string>(), HasSubstr(kCommandId));
}

}  // namespace
}  // namespace bpa::controller
