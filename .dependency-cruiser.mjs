const arrows = {
  platform: [],
  'transparency-log': [],
  secrets: ['platform', 'audit'],
};
export default {};
