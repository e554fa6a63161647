"""What the researcher's page does when its login has ended: Gradio does not say so, its events just fail."""

LOGIN_ENDED = """<script>
const plainFetch = window.fetch;
window.fetch = async (...call) => {
  const answer = await plainFetch(...call);
  if (answer.status === 401) location.assign("login");
  return answer;
};
</script>"""
"""A script for the page's head."""
