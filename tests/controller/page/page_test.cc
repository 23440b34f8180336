#include "controller/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/page/sample_page.h"

namespace bpa::controller {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Page(const Evidence& evidence) { return RenderPage(SampleInput(evidence)); }

TEST(PageTest, HoldsWhoWhyAndEachNodesResultsBeforeAndAfter) {
  const std::string page = Page(SampleEvidence(v1::MODE_APPLY));
  EXPECT_THAT(
      page, AllOf(HasSubstr("Apply on bpa-prod"), HasSubstr("alice@bastion"), HasSubstr("CHG-4711"),
                  HasSubstr("refused"), HasSubstr(kCommandId), HasSubstr("all of them hold")));
  EXPECT_THAT(page, AllOf(HasSubstr("What was changed"), HasSubstr("<code>0755</code>"),
                          HasSubstr("<code>0777</code>"), HasSubstr("policy says no"),
                          HasSubstr("There is no report of this node."),
                          HasSubstr("As wanted: sysctl vm.max_map_count.")));
  for (const char* node : {"node-1", "node-2", "node-3", "node-4"}) {
    EXPECT_THAT(page, HasSubstr(std::string("<h3>") + node + "</h3>"));
  }
}

TEST(PageTest, NeedsNothingBesidesItself) {
  const std::string page = Page(SampleEvidence(v1::MODE_APPLY));
  for (const char* reference : {"<script", "<link", "<img", "src=", "href=", "url(", "@import"}) {
    EXPECT_THAT(page, Not(HasSubstr(reference)));
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(PageTest, SpeaksOfAPlanAndAVerificationAsWhatTheyAre) {
  EXPECT_THAT(Page(SampleEvidence(v1::MODE_PLAN)),
              AllOf(HasSubstr("Plan on bpa-prod"), HasSubstr("What an apply would change")));
  EXPECT_THAT(Page(SampleEvidence(v1::MODE_VERIFY)),
              AllOf(HasSubstr("Verification on bpa-prod"), HasSubstr("What differs")));
  Evidence staging = SampleEvidence(v1::MODE_APPLY);
  staging.run.verb = "stage";
  EXPECT_THAT(Page(staging), HasSubstr("Staging on bpa-prod"));
}

TEST(PageTest, SaysFirstWhatDoesNotProveItselfAndDoesNotShowIt) {
  Evidence evidence = SampleEvidence(v1::MODE_APPLY);
  evidence.reports[0].verdict = absl::UnauthenticatedError("not signed by it");
  evidence.reports[0].report.Clear();
  evidence.problems = {"node-1.report.dsse: not signed by it"};
  EXPECT_THAT(Page(evidence), AllOf(HasSubstr("Not everything here proves itself."),
                                    HasSubstr("node-1.report.dsse: not signed by it"),
                                    HasSubstr("does not prove itself, so it is not shown"),
                                    Not(HasSubstr("all of them hold"))));
}

TEST(PageTest, ComparesWhatWasMadeWithTheReviewedPlan) {
  Evidence evidence = SampleEvidence(v1::MODE_APPLY);
  v1::Command& command = evidence.sent->command;
  const auto plan_of = [&](int target) {
    command.mutable_targets(target)->mutable_reviewed_plan()->set_plan_id(kPlanId);
    return command.mutable_targets(target)->mutable_reviewed_plan();
  };
  const v1::ResourceResult& volume = evidence.reports[0].report.resources(0);
  for (const v1::ResourceResult& resource : evidence.reports[0].report.resources()) {
    for (const v1::Change& change : resource.changes()) {
      plan_of(0)->add_change_sha256(change.fingerprint_sha256());
    }
  }
  plan_of(1)->add_change_sha256(volume.changes(0).fingerprint_sha256());
  plan_of(1)->add_change_sha256("never made");
  EXPECT_THAT(Page(evidence),
              AllOf(HasSubstr("</strong>: all of 5 planned changes made, nothing else."),
                    HasSubstr("</strong>: 1 of 2 planned changes made. "),
                    HasSubstr("4 changes that no plan showed"),
                    HasSubstr("which this home does not keep")));
}

TEST(PageTest, AnUnfinishedCommandIsShownAsOne) {
  Evidence evidence = SampleEvidence(v1::MODE_APPLY);
  evidence.run.finished_at = absl::InfinitePast();
  evidence.run.nodes[3].state = std::string(kSentState);
  EXPECT_THAT(Page(evidence), AllOf(HasSubstr("unfinished"), HasSubstr("sent, no answer seen")));
}

TEST(PageTest, TakesACommandThatCannotBeRead) {
  Evidence evidence{.id = kCommandId, .problems = {"command.dsse: No such file or directory"}};
  evidence.run.id = kCommandId;
  EXPECT_THAT(Page(evidence), HasSubstr("command.dsse: No such file or directory"));
}

}  // namespace
}  // namespace bpa::controller
