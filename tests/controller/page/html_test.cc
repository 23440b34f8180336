#include "controller/page/html.h"

#include <gtest/gtest.h>

#include <string>

namespace bpa::controller {
namespace {

TEST(HtmlTest, TextIsNeverMarkup) {
  EXPECT_EQ(Text("<script>&\"'").source(), "&lt;script&gt;&amp;&quot;&#39;");
  EXPECT_EQ(Text("two\nlines\tö").source(), "two\nlines\tö");
}

TEST(HtmlTest, AnAttributesValueCannotEndIt) {
  EXPECT_EQ(Tag("td", {{"data-label", "\"><b onload='x'>"}}, Text("v")).source(),
            "<td data-label=\"&quot;&gt;&lt;b onload=&#39;x&#39;&gt;\">v</td>");
}

TEST(HtmlTest, WhatShowsNothingIsShownByItsNumber) {
  EXPECT_EQ(Text(std::string("a\0b", 3)).source(), "a&lt;U+0000&gt;b");
  EXPECT_EQ(Text("\x1b[2J\r").source(), "&lt;U+001B&gt;[2J&lt;U+000D&gt;");
  // Right-to-left override, zero width space, byte order mark, C1 control.
  EXPECT_EQ(Text("\xE2\x80\xAE").source(), "&lt;U+202E&gt;");
  EXPECT_EQ(Text("\xE2\x80\x8B\xEF\xBB\xBF").source(), "&lt;U+200B&gt;&lt;U+FEFF&gt;");
  EXPECT_EQ(Text("\xC2\x9B").source(), "&lt;U+009B&gt;");
  EXPECT_EQ(Text("\xF3\xA0\x81\x81").source(), "&lt;U+E0041&gt;");
}

TEST(HtmlTest, BytesThatAreNotUtf8AreReplacedOneByOne) {
  EXPECT_EQ(Text("a\xFF\xC0\xAF<").source(), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD&lt;");
  EXPECT_EQ(Text("\xE2\x82").source(), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace bpa::controller
