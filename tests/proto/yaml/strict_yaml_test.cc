#include "proto/yaml/strict_yaml.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/status_matchers.h"

namespace bpa::yaml {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

Value Document(const std::string& text) { return Parse(text, "f.yaml").value(); }
// The value of the key `v` in "v: TEXT".
Value Scalar(const std::string& text) { return Document("v: " + text + "\n").Get("v").value(); }

TEST(StrictYamlTest, ReadsMappingsListsAndScalars) {
  const Value root = Document(
      "# a comment\n"
      "cluster: bpa-prod\n"
      "nodes:\n"
      "  node-1: {address: '10.0.1.11', roles: [one, \"two\"]}\n"
      "empty: []\n");
  EXPECT_THAT(root.Keys(3).value(), ElementsAre("cluster", "nodes", "empty"));
  EXPECT_EQ(root.Get("cluster")->String().value(), "bpa-prod");
  const Value node = root.Get("nodes")->Get("node-1").value();
  EXPECT_EQ(node.Get("address")->String().value(), "10.0.1.11");
  EXPECT_THAT(node.Get("roles")->StringList(2).value(), ElementsAre("one", "two"));
  EXPECT_THAT(root.Get("empty")->List(0).value(), IsEmpty());
  EXPECT_FALSE(root.Find("missing").has_value());
}

TEST(StrictYamlTest, KeepsTheDocumentAliveInEveryValue) {
  const Value value = Parse("a: {b: [c]}", "f.yaml")->Get("a")->Get("b")->List(1).value()[0];
  EXPECT_EQ(value.String().value(), "c");
  EXPECT_THAT(value.Error("what"), Refused("f.yaml:1:9: a.b[0]: what"));
}

TEST(StrictYamlTest, NamesFileLineColumnAndPath) {
  const Value root = Document("nodes:\n  node-1:\n    role: [x]\n");
  const Value role = root.Get("nodes")->Get("node-1")->Get("role").value();
  EXPECT_EQ(role.line(), 3);
  EXPECT_EQ(role.column(), 11);
  EXPECT_THAT(role.String(), StatusIs(absl::StatusCode::kInvalidArgument,
                                      "f.yaml:3:11: nodes.node-1.role: expected a string, found a "
                                      "list"));
}

TEST(StrictYamlTest, PointsAtTheKeyWhereNothingIsWritten) {
  const Value root = Document("a: 1\nrole:\nb: 2\n");
  EXPECT_THAT(root.Get("role")->String(),
              Refused("f.yaml:2:1: role: expected a string, found nothing"));
  EXPECT_THAT(root.Get("role")->List(1), Refused("([] is an empty one), found nothing"));
}

TEST(StrictYamlTest, TakesAnyScalarButNullForAString) {
  EXPECT_EQ(Scalar("262144").String().value(), "262144");
  EXPECT_EQ(Scalar("'0777'").String().value(), "0777");
  EXPECT_EQ(Scalar("\"\"").String().value(), "");
  EXPECT_EQ(Scalar("'null'").String().value(), "null");
  EXPECT_EQ(Scalar("|\n  two\n  lines\n").String().value(), "two\nlines\n");
  for (const char* text : {"", "~", "null", "{}", "[]"}) {
    EXPECT_THAT(Scalar(text).String(), Refused("expected a string")) << text;
  }
}

TEST(StrictYamlTest, ReadsWholeNumbersWithinTheirRange) {
  EXPECT_EQ(Scalar("0").Int(0, 9).value(), 0);
  EXPECT_EQ(Scalar("9").Int(0, 9).value(), 9);
  EXPECT_EQ(Scalar("-5").Int(-5, 9).value(), -5);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(Scalar("9223372036854775807").Int(kMin, kMax).value(), kMax);
  EXPECT_EQ(Scalar("-9223372036854775808").Int(kMin, kMax).value(), kMin);
  EXPECT_THAT(Scalar("10").Int(0, 9),
              Refused("v: expected a whole number from 0 to 9, found '10'"));
  EXPECT_THAT(Scalar("-1").Int(0, 9), Refused("from 0 to 9"));
  EXPECT_THAT(Scalar("9223372036854775808").Int(kMin, kMax), Refused("a whole number from"));
}

TEST(StrictYamlTest, RefusesWhatIsNotPlainlyAWholeNumber) {
  for (const char* text : {"'5'", "\"5\"", "5.0", "5e3", "0x10", "0o10", "1_000", "+5", "five",
                           "true", "", "--5", "[5]", "5 6", "12:30"}) {
    EXPECT_THAT(Scalar(text).Int(-100, 100000), Refused("expected a whole number")) << text;
  }
  EXPECT_THAT(Scalar("010").Int(0, 100), Refused("without leading zeros, found '010'"));
  EXPECT_THAT(Scalar("-01").Int(-9, 9), Refused("without leading zeros"));
  EXPECT_THAT(Scalar("00").Int(0, 9), Refused("without leading zeros"));
}

TEST(StrictYamlTest, ReadsTrueAndFalseAndNoOtherSpelling) {
  EXPECT_TRUE(Scalar("true").Bool().value());
  EXPECT_FALSE(Scalar("false").Bool().value());
  for (const char* text :
       {"yes", "no", "on", "off", "True", "FALSE", "1", "0", "'true'", "\"false\"", "", "[true]"}) {
    EXPECT_THAT(Scalar(text).Bool(), Refused("expected true or false")) << text;
  }
}

TEST(StrictYamlTest, ReadsDurations) {
  const auto read = [](const std::string& text) {
    return Scalar(text).Duration(absl::ZeroDuration(), absl::Hours(2));
  };
  EXPECT_EQ(read("90s").value(), absl::Seconds(90));
  EXPECT_EQ(read("10m").value(), absl::Minutes(10));
  EXPECT_EQ(read("1h30m").value(), absl::Minutes(90));
  EXPECT_EQ(read("'250ms'").value(), absl::Milliseconds(250));
  EXPECT_EQ(read("0s").value(), absl::ZeroDuration());
  EXPECT_EQ(read("2h").value(), absl::Hours(2));
  EXPECT_THAT(read("2h1s"), Refused("a duration from 0 to 2h, found '2h1s'"));
  for (const char* text : {"90", "inf", "-5s", "+5s", "5d", "s", "", "' 5s'", "5 s", "[5s]"}) {
    EXPECT_THAT(read(text), Refused("expected a duration such as")) << text;
  }
}

TEST(StrictYamlTest, ReadsFileModesAsOctalHoweverTheyAreWritten) {
  for (const char* text : {"0777", "'0777'", "\"777\"", "777", "00777"}) {
    EXPECT_EQ(Scalar(text).FileMode().value(), 0777u) << text;
  }
  EXPECT_EQ(Scalar("000").FileMode().value(), 0u);
  EXPECT_EQ(Scalar("07777").FileMode().value(), 07777u);
  EXPECT_THAT(Scalar("10000").FileMode(), Refused("at most 07777"));
  for (const char* text :
       {"888", "0o777", "0x1ff", "rwx", "7", "77", "", "-777", "077700", "[777]"}) {
    EXPECT_THAT(Scalar(text).FileMode(), Refused("permission bits in octal")) << text;
  }
}

TEST(StrictYamlTest, HoldsListsAndMappingsToTheirLimits) {
  EXPECT_THAT(Scalar("[a, b]").List(2), IsOk());
  EXPECT_THAT(Scalar("[a, b]").List(1), Refused("v: 2 items, allowed are 1"));
  EXPECT_THAT(Scalar("{a: 1, b: 2}").Keys(2), IsOk());
  EXPECT_THAT(Scalar("{a: 1, b: 2}").Keys(1), Refused("v: 2 entries, allowed are 1"));
  EXPECT_THAT(Scalar("a").List(1), Refused("expected a list"));
  EXPECT_THAT(Scalar("[a]").Keys(1), Refused("expected a mapping"));
  EXPECT_THAT(Scalar("[a, [b]]").StringList(2), Refused("f.yaml:1:8: v[1]: expected a string"));
}

TEST(StrictYamlTest, RefusesUnknownKeysAndSuggestsTheNearest) {
  const Value root = Document("nodes:\n  node-1:\n    roel: x\n");
  const Value node = root.Get("nodes")->Get("node-1").value();
  EXPECT_THAT(node.ExpectKeys({"address", "role"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "f.yaml:3:5: nodes.node-1: unknown key 'roel': did you mean 'role'?"));
  EXPECT_THAT(node.ExpectKeys({"address", "port"}), Refused("known are address, port"));
  EXPECT_THAT(node.ExpectKeys({"roel"}), IsOk());
  EXPECT_THAT(Scalar("[a]").ExpectKeys({"a", "b"}), Refused("expected a mapping with a, b"));
}

TEST(StrictYamlTest, SaysWhichKeyIsMissing) {
  const Value root = Document("a: {b: 1}\n");
  EXPECT_THAT(root.Get("a")->Get("c"), Refused("f.yaml:1:4: a: the key 'c' is missing"));
  EXPECT_THAT(Scalar("word").Get("c"), Refused("expected a mapping with 'c', found 'word'"));
}

TEST(StrictYamlTest, RefusesDuplicateKeysAtTheSecond) {
  EXPECT_THAT(Parse("a: 1\nb: {x: 1,\n    x: 2}\n", "f.yaml"),
              Refused("f.yaml:3:5: b: duplicate key 'x'"));
  EXPECT_THAT(Parse("a: 1\n'a': 2\n", "f.yaml"), Refused("f.yaml:2:1: duplicate key 'a'"));
}

struct BadText {
  const char* text;
  const char* message;
};

TEST(StrictYamlTest, RefusesWhatPeopleDoNotWrite) {
  const BadText table[] = {
      {"", "f.yaml:1:1: the file holds nothing"},
      {"# only a comment\n", "the file holds nothing"},
      {"a: 1\n---\nb: 2\n", "a second document"},
      {"a: &x [1]\nb: *x\n", "f.yaml:1:4: anchors (&name)"},
      {"a: &x\n", "anchors (&name)"},
      {"a: *x\n", "f.yaml:1:4: "},
      {"<<: {a: 1}\n? [a]\n: b\n", "a key must be a word"},
      {"? {a: b}\n: c\n", "a key must be a word"},
      {": b\n", "a key is missing before ':'"},
      {"~: b\n", "a key is missing before ':'"},
      {"a: !!str 5\n", "tags (!name)"},
      {"a: !custom {b: c}\n", "tags (!name)"},
      {"a: [1\n", "f.yaml:"},
      {"a: 'open\n", "f.yaml:1:4: the closing ' is missing"},
      {"a: 'it''\n", "f.yaml:1:4: the closing ' is missing"},
      {"b: 'ü'\na: \"open\\\"\n", "f.yaml:2:4: the closing \" is missing"},
      {"a: b: c\n", "f.yaml:1:5: illegal map value"},
      {"a: 1\n b: 2\n", "f.yaml:2:"},
      {"\ta: 1\n", "f.yaml:1:"},
      {"a: @x\n", "f.yaml:1:4"},
      {"\xEF\xBB\xBF"
       "a: 'x'\n",
       "f.yaml:1:1: starts with a byte order mark"},
  };
  for (const BadText& bad : table) {
    EXPECT_THAT(Parse(bad.text, "f.yaml"), Refused(bad.message)) << bad.text;
  }
}

TEST(StrictYamlTest, ReadsTheLineEndsOfOtherSystems) {
  const Value root = Document("a: \"x\"\r\nb: 'ü'\r\nc: [1]\r\n");
  EXPECT_EQ(root.Get("a")->String().value(), "x");
  EXPECT_EQ(root.Get("b")->String().value(), "ü");
  EXPECT_THAT(root.Get("c")->Error("what"), Refused("f.yaml:3:4: c: what"));
}

TEST(StrictYamlTest, RefusesBytesThatAreNotText) {
  const std::string table[] = {
      std::string("a: \0b", 5),  // NUL
      "a: \x1b[31m",             // escape
      "a: \x7f",                 // delete
      "a: \xff",                 // never in UTF-8
      "a: \xc0\xaf",             // overlong
      "a: \xe0\x80\x80",         // overlong
      "a: \xf0\x80\x80\x80",     // overlong
      "a: \xed\xa0\x80",         // a surrogate
      "a: \xf4\x90\x80\x80",     // beyond Unicode
      "a: \xe2\x82",             // cut short
      "a: \xc3(",                // no continuation
      std::string("\xff\xfe"
                  "a\0",
                  4)  // UTF-16
  };
  for (const std::string& text : table) {
    EXPECT_THAT(Parse("x: y\n" + text, "f.yaml"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(StartsWith("f.yaml:2:"), HasSubstr("not UTF-8 text"))))
        << text;
  }
  EXPECT_EQ(Scalar("grün € 𝄞").String().value(), "grün € 𝄞");
}

std::string Nested(int depth) {
  return std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']');
}

TEST(StrictYamlTest, NestsAtMostSixteenLevels) {
  EXPECT_THAT(Parse(Nested(kMaxDepth), "f.yaml"), IsOk());
  EXPECT_THAT(Parse(Nested(kMaxDepth + 1), "f.yaml"), Refused("nested deeper than 16 levels"));
  EXPECT_THAT(Parse(Nested(100000), "f.yaml"), Refused("nested deeper than 16 levels"));
  EXPECT_THAT(Parse(std::string(100000, '['), "f.yaml"), Refused("f.yaml:1:"));
  EXPECT_THAT(Parse(std::string(100000, '{'), "f.yaml"), Refused("f.yaml:1:"));
}

TEST(StrictYamlTest, HoldsAtMostSoManyValues) {
  const auto list = [](size_t items) {
    std::string text;
    for (size_t i = 0; i < items; ++i) text += "- x\n";
    return text;
  };
  EXPECT_THAT(Parse(list(kMaxNodes - 1), "f.yaml"), IsOk());  // the list counts as well
  EXPECT_THAT(Parse(list(kMaxNodes), "f.yaml"), Refused("more than 65536 values"));
}

TEST(StrictYamlTest, HoldsKeysToTheirLimit) {
  EXPECT_THAT(Parse(std::string(kMaxKeyBytes, 'k') + ": v", "f.yaml"), IsOk());
  EXPECT_THAT(Parse("'" + std::string(kMaxKeyBytes + 1, 'k') + "': v", "f.yaml"),
              Refused("f.yaml:1:"));
}

TEST(StrictYamlTest, HoldsTheDocumentToItsLimit) {
  const std::string start = "a: 1\n#";
  const std::string fits = start + std::string(kMaxDocumentBytes - start.size(), 'x');
  EXPECT_THAT(Parse(fits, "f.yaml"), IsOk());
  EXPECT_THAT(Parse(fits + "x", "f.yaml"), Refused("the file is 1048577 bytes long"));
}

TEST(StrictYamlTest, DoesNotPassControlCharactersOn) {
  EXPECT_THAT(Parse("\"a\\eb\": 1\n\"a\\eb\": 1\n", "f.yaml"), Refused("duplicate key 'a\\033b'"));
  EXPECT_THAT(Scalar("\"x\\n\"").Int(0, 1), Refused("found a string in quotes"));
}

TEST(SuggestionTest, FindsTheNearestWord) {
  const std::vector<std::string_view> known = {"role", "address", "mount_point", "volumes"};
  EXPECT_EQ(Suggestion("roles", known), "did you mean 'role'?");
  EXPECT_EQ(Suggestion("adress", known), "did you mean 'address'?");
  EXPECT_EQ(Suggestion("mountpoint", known), "did you mean 'mount_point'?");
  EXPECT_EQ(Suggestion("voulmes", known), "did you mean 'volumes'?");
  EXPECT_EQ(Suggestion("mont_piont", known), "did you mean 'mount_point'?");
  EXPECT_EQ(Suggestion("volume_ids", known), "");
  EXPECT_EQ(Suggestion("zz", {"up"}), "");
  EXPECT_EQ(Suggestion("", known), "");
  EXPECT_EQ(Suggestion(std::string(100000, 'x'), known), "");
}

TEST(SuggestionTest, PrefersTheNearerOfTwo) {
  EXPECT_EQ(Suggestion("allow", {"allot", "allows", "below"}), "did you mean 'allot'?");
  EXPECT_EQ(Suggestion("mode", {"node", "model", "modes"}), "did you mean 'node'?");
}

}  // namespace
}  // namespace bpa::yaml
